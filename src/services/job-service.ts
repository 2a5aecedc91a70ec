import { randomInt } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { transaction } from '../db/transaction.ts';
import { CinegraphError } from '../errors.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { MAX_SEED, type BundleInfo } from '../inference/core/generation.ts';
import type { JobQueue } from '../jobs/queue/job-queue.ts';
import { toJobRecord } from '../jobs/job-rows.ts';
import { end } from '../jobs/job-store.ts';
import { type ActivityPosition, type GenerateInput, type JobEventRecord, type JobFilter, type JobRecord, type JobService, type JobStatus, type Page, type PageInput, type QueueOutlook, TERMINAL, type Viewer } from './contract.ts';
import { behind, parsePage, toPage } from './cursor.ts';
import { checkInput, inputDigest } from './generation-input.ts';
import type { Generation } from './generation-service.ts';
import { followActivity } from './activity-feed.ts';
import { JobEventHub } from './job-event-hub.ts';
import { PreviewStore } from './preview-store.ts';
import { measureThroughput } from './throughput.ts';
import { isUuid } from './uuid.ts';

export interface JobDeps {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly generation: Generation;
  readonly bundle: (name?: string | null) => Promise<BundleInfo>;
  /** How long a cancel waits for the run to end the job itself, ms. */
  readonly cancelGraceMs: number;
}

export class Jobs implements JobService {
  readonly #deps: JobDeps;
  readonly #hub: JobEventHub;
  readonly #previews: PreviewStore;

  constructor(deps: JobDeps) {
    this.#deps = deps;
    this.#hub = new JobEventHub(deps.database);
    this.#previews = new PreviewStore(deps.database);
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(JobRecord | null)[]> {
    const rows = await this.#prisma.job.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) } } });
    const found = new Map(rows.map(row => [row.id, toJobRecord(row)]));
    return ids.map(id => found.get(id) ?? null);
  }

  async list(viewer: Viewer, page: PageInput, filter: JobFilter): Promise<Page<JobRecord>> {
    const request = parsePage(page);
    const order = request.forward ? 'desc' : 'asc';
    const rows = await this.#prisma.job.findMany({
      where: { AND: [whereJob(viewer, filter), behind(request)] },
      orderBy: [{ createdAt: order }, { id: order }],
      take: request.count + 1,
    });
    return toPage(rows.map(toJobRecord), request);
  }

  count(viewer: Viewer, filter: JobFilter): Promise<number> {
    return this.#prisma.job.count({ where: whereJob(viewer, filter) });
  }

  /**
   * A job that waits ends here and now. A run is told to end the job with what it has; one that does not answer in time is cut off: the job
   * ends without it, and it can write nothing more.
   */
  async cancel(viewer: Viewer, id: string): Promise<JobRecord> {
    const { lastSeq } = await this.#own(viewer, id, ['input', 'jobId']);
    const { database, cancelGraceMs } = this.#deps;
    let ended = await this.#requestEnd(viewer, id, false);
    if (!ended) {
      database.bus.publish({ type: 'cancel', job: id });
      ended = await this.#waitForEnd(id, lastSeq, cancelGraceMs);
      if (!ended) await this.#requestEnd(viewer, id, true);
    }
    const job = await this.#own(viewer, id, ['input', 'jobId']);
    if (job.status !== 'CANCELED') throw notCancelable();
    return job;
  }

  /** True when the job has ended. Throws JOB_NOT_CANCELABLE when it had before. */
  async #requestEnd({ ownerId }: Viewer, id: string, byForce: boolean): Promise<boolean> {
    const { database, queue } = this.#deps;
    const seq = await transaction(database.pool, async client => {
      const { rows } = await client.query<{ lastSeq: number; status: JobStatus }>(`SELECT last_seq AS "lastSeq", status FROM job WHERE id = $1 AND status IN ('QUEUED', 'RUNNING') FOR UPDATE`, [id]);
      if (rows[0] === undefined) {
        if (byForce) return undefined;
        throw notCancelable();
      }
      if (rows[0].status === 'RUNNING' && !byForce) {
        await client.query('UPDATE job SET cancel_requested_at = coalesce(cancel_requested_at, now()) WHERE id = $1', [id]);
        return undefined;
      }
      await queue.drop(client, id);
      return end(client, id, rows[0].lastSeq, 'CANCELED');
    });
    if (seq !== undefined) database.bus.publish({ type: 'event', job: id, seq, owner: ownerId });
    return seq !== undefined;
  }

  async #waitForEnd(id: string, afterSeq: number, graceMs: number): Promise<boolean> {
    for await (const { type } of this.#hub.follow(id, afterSeq, AbortSignal.timeout(graceMs))) {
      if (type === 'JobFinished') return true;
    }
    return false;
  }

  async retry(viewer: Viewer, id: string): Promise<JobRecord> {
    const job = await this.#own(viewer, id, ['input', 'jobId']);
    if (job.status !== 'FAILED' && job.status !== 'CANCELED') throw new CinegraphError('JOB_NOT_RETRYABLE', undefined, { field: ['input', 'jobId'] });
    const bundle = await this.#deps.bundle();
    // The seed that was drawn is kept; the model is whichever is loaded now.
    const input = { ...(job.input as unknown as GenerateInput), seed: job.seed, idempotencyKey: null, model: null };
    return this.#again(viewer, job.task === 'FILM' ? await this.#keepShots(input, job, null) : input, bundle, id);
  }

  async retryShot(viewer: Viewer, id: string, shot: number, { prompt, seed }: { readonly prompt?: string | null; readonly seed?: number | null }): Promise<JobRecord> {
    const job = await this.#own(viewer, id, ['input', 'jobId']);
    const { shots } = job.input as unknown as GenerateInput;
    if (job.task !== 'FILM' || shots == null) throw new CinegraphError('INVALID_INPUT', 'This job is not a film.', { field: ['input', 'jobId'] });
    if (!TERMINAL.has(job.status)) throw new CinegraphError('JOB_NOT_RETRYABLE', 'The film is still being made.', { field: ['input', 'jobId'] });
    if (shots[shot] === undefined) throw new CinegraphError('INVALID_INPUT', `shot must be from 0 to ${shots.length - 1}.`, { field: ['input', 'shot'] });
    const changed = shots.map((each, index) => (index === shot ? { ...each, prompt: prompt ?? each.prompt, seed: seed ?? randomInt(MAX_SEED + 1), asset: null } : each));
    const input = { ...(job.input as unknown as GenerateInput), shots: changed, seed: job.seed, idempotencyKey: null, model: null };
    try {
      return await this.#again(viewer, await this.#keepShots(input, job, shot), await this.#deps.bundle(), id);
    } catch (error) {
      throw ofShot(error, shot);
    }
  }

  /** A film's input in which the shots that are there take their places, but for one and those that continue it. */
  async #keepShots(input: GenerateInput, { id, ownerId }: JobRecord, except: number | null): Promise<GenerateInput> {
    const rows = await this.#prisma.asset.findMany({ where: { jobId: id, ownerId, shot: { not: null } }, select: { id: true, shot: true } });
    const stored = new Map(rows.map(row => [row.shot, row.id]));
    let again = false;
    const shots = (input.shots ?? []).map((shot, index) => {
      again = index === except || (again && shot.continuePrevious === true);
      return { ...shot, asset: again ? null : (stored.get(index) ?? shot.asset ?? null) };
    });
    return { ...input, story: null, shots };
  }

  async #again(viewer: Viewer, input: GenerateInput, bundle: BundleInfo, retryOfId: string): Promise<JobRecord> {
    const { generation } = this.#deps;
    return generation.start(viewer, checkInput(input, bundle, await generation.sources(viewer, input)), inputDigest(input), bundle, retryOfId);
  }

  async queueOutlook({ ownerId }: Viewer, ids: readonly string[]): Promise<(QueueOutlook | null)[]> {
    const { database } = this.#deps;
    // The place of a job among all owners' jobs, the tokens of those that run and wait before it, its own included.
    const { rows } = await database.pool.query<{ id: string; position: number; tokens: number; modelDigest: string }>(
      `SELECT * FROM (
         SELECT id, owner_id, model_digest AS "modelDigest", (row_number() OVER line)::int AS position,
           (sum(tokens_total) OVER line + (SELECT coalesce(sum(greatest(tokens_total - tokens_done, 0)), 0) FROM job WHERE status = 'RUNNING'))::float8 AS tokens
         FROM job WHERE status = 'QUEUED' WINDOW line AS (ORDER BY turn, created_at, id)
       ) AS waiting WHERE owner_id = $1 AND id = ANY($2::uuid[])`,
      [ownerId, ids.filter(isUuid)],
    );
    const digests = [...new Set(rows.map(({ modelDigest }) => modelDigest))];
    const speeds = new Map(await Promise.all(digests.map(async digest => [digest, await measureThroughput(database, digest)] as const)));
    const found = new Map(rows.map(({ id, position, tokens, modelDigest }) => {
      const speed = speeds.get(modelDigest);
      return [id, { position, etaMs: speed === undefined ? null : Math.round((1000 * tokens) / speed.together) }];
    }));
    return ids.map(id => found.get(id) ?? null);
  }

  async events(viewer: Viewer, jobId: string, afterSeq: number, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>> {
    const job = await this.#own(viewer, jobId);
    if (!Number.isInteger(afterSeq) || afterSeq < 0) throw new CinegraphError('INVALID_INPUT', 'afterSeq must be an integer, 0 or more.', { field: ['afterSeq'] });
    // Nothing comes after the last event of a job that has ended. Who asks behind it saw events that a crash of Postgres took back, and not the last one.
    if (TERMINAL.has(job.status) && afterSeq === job.lastSeq) return nothing();
    return this.#hub.follow(jobId, Math.min(afterSeq, job.lastSeq), signal);
  }

  async activity(viewer: Viewer, after: ActivityPosition | null, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>> {
    return followActivity(this.#deps.database, viewer.ownerId, after, signal);
  }

  previewFrame(viewer: Viewer | null, jobId: string, seq: number, frameIndex: number): Promise<Buffer | null> {
    return isUuid(jobId) ? this.#previews.get(viewer?.ownerId ?? null, jobId, seq, frameIndex) : Promise.resolve(null);
  }

  previewSound(viewer: Viewer | null, jobId: string, seq: number): Promise<Buffer | null> {
    return isUuid(jobId) ? this.#previews.get(viewer?.ownerId ?? null, jobId, seq, null) : Promise.resolve(null);
  }

  async #find({ ownerId }: Viewer, id: string): Promise<JobRecord | undefined> {
    const row = isUuid(id) ? await this.#prisma.job.findUnique({ where: { id } }) : null;
    return row === null || row.ownerId !== ownerId ? undefined : toJobRecord(row);
  }

  async #own(viewer: Viewer, id: string, field: readonly string[] = ['id']): Promise<JobRecord> {
    const job = await this.#find(viewer, id);
    if (job === undefined) throw new CinegraphError('NOT_FOUND', undefined, { field });
    return job;
  }

  get #prisma(): Database['prisma'] {
    return this.#deps.database.prisma;
  }
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

function notCancelable(): CinegraphError {
  return new CinegraphError('JOB_NOT_CANCELABLE', undefined, { field: ['input', 'jobId'] });
}

/** What is wrong with the shot that is made again, named as {@link JobService.retryShot} takes it. */
function ofShot(error: unknown, shot: number): unknown {
  if (!(error instanceof CinegraphError) || error.field?.[1] !== 'shots' || error.field[2] !== String(shot)) return error;
  return new CinegraphError(error.code, error.message, { field: ['input', ...error.field.slice(3)], cause: error.cause });
}

function whereJob({ ownerId }: Viewer, { status, task, createdAfter, createdBefore }: JobFilter): Prisma.JobWhereInput {
  const createdAt = { ...(createdAfter ? { gt: createdAfter } : {}), ...(createdBefore ? { lt: createdBefore } : {}) };
  return { ownerId, createdAt, ...(status ? { status: { in: [...status] } } : {}), ...(task ? { task: { in: [...task] } } : {}) };
}
