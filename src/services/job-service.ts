import type { Database } from '../db/database.ts';
import { transaction } from '../db/transaction.ts';
import { CinegraphError } from '../errors.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { BundleInfo } from '../inference/core/generation.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import { toJobRecord } from '../jobs/job-rows.ts';
import { end } from '../jobs/job-store.ts';
import { type GenerateInput, type JobEventRecord, type JobFilter, type JobRecord, type JobService, type Page, type PageInput, TERMINAL, type Viewer } from './contract.ts';
import { type Position, parsePage, toPage } from './cursor.ts';
import { checkInput } from './generation-input.ts';
import type { Generation } from './generation-service.ts';
import { followJob } from './job-event-feed.ts';
import { isUuid } from './uuid.ts';

export interface JobDeps {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly generation: Generation;
  readonly bundle: () => Promise<BundleInfo>;
}

export class Jobs implements JobService {
  readonly #deps: JobDeps;

  constructor(deps: JobDeps) {
    this.#deps = deps;
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(JobRecord | null)[]> {
    const rows = await this.#prisma.job.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) } } });
    const found = new Map(rows.map(row => [row.id, toJobRecord(row)]));
    return ids.map(id => found.get(id) ?? null);
  }

  async list(viewer: Viewer, page: PageInput, filter: JobFilter): Promise<Page<JobRecord>> {
    const { first, after } = parsePage(page);
    const rows = await this.#prisma.job.findMany({
      where: { AND: [whereJob(viewer, filter), before(after)] },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: first + 1,
    });
    return toPage(rows.map(toJobRecord), first);
  }

  count(viewer: Viewer, filter: JobFilter): Promise<number> {
    return this.#prisma.job.count({ where: whereJob(viewer, filter) });
  }

  /** Ends the job here and now; its run, wherever it is, is told to stop and can write nothing more. Throws NOT_FOUND or JOB_NOT_CANCELABLE. */
  async cancel(viewer: Viewer, id: string): Promise<JobRecord> {
    await this.#own(viewer, id);
    const { database, queue } = this.#deps;
    const seq = await transaction(database.pool, async client => {
      const { rows } = await client.query<{ lastSeq: number }>(`SELECT last_seq AS "lastSeq" FROM job WHERE id = $1 AND status IN ('QUEUED', 'RUNNING') FOR UPDATE`, [id]);
      if (rows[0] === undefined) throw new CinegraphError('JOB_NOT_CANCELABLE');
      await queue.drop(client, id);
      return end(client, id, rows[0].lastSeq, 'CANCELED');
    });
    database.bus.publish({ type: 'cancel', job: id });
    database.bus.publish({ type: 'event', job: id, seq });
    return this.#own(viewer, id);
  }

  async retry(viewer: Viewer, id: string): Promise<JobRecord> {
    const job = await this.#own(viewer, id);
    if (job.status !== 'FAILED' && job.status !== 'CANCELED') throw new CinegraphError('JOB_NOT_RETRYABLE');
    const bundle = await this.#deps.bundle();
    // The seed that was drawn is kept; the model is whichever is loaded now.
    const input = checkInput({ ...(job.input as unknown as GenerateInput), seed: job.seed, idempotencyKey: null, model: null }, bundle);
    return this.#deps.generation.start(viewer, input, bundle, id);
  }

  async queuePosition(job: JobRecord): Promise<number | null> {
    if (job.status !== 'QUEUED') return null;
    const { turn, createdAt, id } = job;
    const earlier = { OR: [{ turn: { lt: turn } }, { turn, createdAt: { lt: createdAt } }, { turn, createdAt, id: { lt: id } }] };
    return 1 + (await this.#prisma.job.count({ where: { status: 'QUEUED', ...earlier } }));
  }

  async events(viewer: Viewer, jobId: string, afterSeq: number, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>> {
    const job = await this.#own(viewer, jobId);
    if (!Number.isInteger(afterSeq) || afterSeq < 0) throw new CinegraphError('INVALID_INPUT', 'afterSeq must be an integer, 0 or more.', { field: ['afterSeq'] });
    // Nothing comes after the last event of a job that has ended.
    if (TERMINAL.has(job.status) && afterSeq >= job.lastSeq) return nothing();
    // A power cut may take the newest events; who saw them follows from what is left.
    return followJob(this.#deps.database, jobId, Math.min(afterSeq, job.lastSeq), signal);
  }

  async previewFrame(viewer: Viewer | null, jobId: string, seq: number, frameIndex: number): Promise<Buffer | null> {
    if (!isUuid(jobId) || (viewer !== null && (await this.#find(viewer, jobId)) === undefined)) return null;
    const { rows } = await this.#deps.database.pool.query<{ webp: Buffer }>('SELECT webp FROM preview_frame WHERE job_id = $1 AND seq = $2 AND frame_index = $3', [jobId, seq, frameIndex]);
    return rows[0]?.webp ?? null;
  }

  async #find({ ownerId }: Viewer, id: string): Promise<JobRecord | undefined> {
    const row = isUuid(id) ? await this.#prisma.job.findUnique({ where: { id } }) : null;
    return row === null || row.ownerId !== ownerId ? undefined : toJobRecord(row);
  }

  async #own(viewer: Viewer, id: string): Promise<JobRecord> {
    const job = await this.#find(viewer, id);
    if (job === undefined) throw new CinegraphError('NOT_FOUND', undefined, { field: ['id'] });
    return job;
  }

  get #prisma(): Database['prisma'] {
    return this.#deps.database.prisma;
  }
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

function whereJob({ ownerId }: Viewer, { status, task }: JobFilter): Prisma.JobWhereInput {
  return { ownerId, ...(status ? { status: { in: [...status] } } : {}), ...(task ? { task } : {}) };
}

function before(position: Position | undefined): Prisma.JobWhereInput {
  if (position === undefined) return {};
  const { createdAt, id } = position;
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}
