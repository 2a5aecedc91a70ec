import { randomInt, randomUUID } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { asCinegraphError, isUniqueViolation } from '../db/pg-error.ts';
import { transaction } from '../db/transaction.ts';
import { CinegraphError } from '../errors.ts';
import type { BundleInfo } from '../inference/core/generation.ts';
import type { JobQueue } from '../jobs/queue/job-queue.ts';
import { toJobRecord } from '../jobs/job-rows.ts';
import { nextTurn } from '../jobs/turn.ts';
import { traceParent } from '../spans.ts';
import type { EstimateRecord, GenerateInput, GenerationService, JobRecord, Viewer } from './contract.ts';
import { visible } from './asset-service.ts';
import { checkQuota, type Quota } from './access/quota.ts';
import { type CheckedInput, checkInput, inputDigest } from './generation-input.ts';
import { measureThroughput, tokensAhead, untilNextEnd } from './throughput.ts';
import type { SourceAsset, SourceAssets } from './source-input.ts';
import { countTokens, rowsOf } from './token-count.ts';
import { isUuid } from './uuid.ts';

export interface GenerationDeps {
  readonly database: Database;
  readonly queue: JobQueue;
  /** The model of this name, or the one for those who name none; throws INFERENCE_UNAVAILABLE while there is none. */
  readonly bundle: (name?: string | null) => Promise<BundleInfo>;
  readonly maxQueuedJobs: number;
  readonly quota: Quota;
}

/** Of a job's stored input. */
interface JobWords {
  readonly prompt?: string;
  readonly camera?: string | null;
  readonly style?: string | null;
  readonly shots?: readonly JobWords[] | null;
}

export class Generation implements GenerationService {
  readonly #deps: GenerationDeps;

  constructor(deps: GenerationDeps) {
    this.#deps = deps;
  }

  async generate(viewer: Viewer, input: GenerateInput): Promise<JobRecord> {
    const bundle = await this.#deps.bundle(input.model);
    const checked = checkInput(input, bundle, await this.sources(viewer, input));
    return this.start(viewer, checked, inputDigest(input), bundle, null);
  }

  async estimate(viewer: Viewer, input: GenerateInput): Promise<EstimateRecord> {
    const bundle = await this.#deps.bundle(input.model);
    const tokens = countTokens(checkInput(input, bundle, await this.sources(viewer, input)), bundle);
    const { database } = this.#deps;
    const turn = await nextTurn(database.pool, viewer.ownerId);
    const [speed, ahead] = await Promise.all([measureThroughput(database, bundle.digest), tokensAhead(database, turn)]);
    return {
      tokens,
      seconds: speed === undefined ? null : tokens / speed.perJob,
      // A job starts as soon as one of those that run has ended; with none waiting, that is no time at all.
      queueSeconds: ahead.waiting === 0 ? 0 : speed === undefined ? null : ahead.tokens / speed.together,
      queuePosition: ahead.waiting + 1,
      tokensPerSecond: speed?.perJob ?? null,
    };
  }

  /** The viewer's assets that a request names. */
  async sources({ ownerId }: Viewer, { image, video, audio, mask, shots }: GenerateInput): Promise<SourceAssets> {
    const ids = [image, video, audio, mask?.asset, ...(shots ?? []).map(({ asset }) => asset)].filter(id => id != null && isUuid(id)) as string[];
    if (ids.length === 0) return new Map();
    const rows = await this.#deps.database.prisma.asset.findMany({ where: { ownerId, id: { in: ids }, ...visible() }, include: { job: { select: { input: true } } } });
    return new Map(rows.map(({ job, ...record }) => [record.id, { record, ...wordsOf(job?.input as JobWords | undefined, record.shot) }]));
  }

  /** Stores and queues a job whose input was checked. The same idempotency key and digest give the same job again. */
  async start(viewer: Viewer, input: CheckedInput, digest: string, bundle: BundleInfo, retryOfId: string | null): Promise<JobRecord> {
    const known = await this.#findByKey(viewer, input.idempotencyKey, digest);
    if (known !== undefined) return known;
    try {
      const id = await this.#store(viewer, input, digest, bundle, retryOfId);
      this.#deps.database.bus.publish({ type: 'event', job: id, seq: 1, owner: viewer.ownerId });
      return toJobRecord(await this.#deps.database.prisma.job.findUniqueOrThrow({ where: { id } }));
    } catch (error) {
      // Two requests with one key at once: the other one stored its job, perhaps the last that may wait, between our look and our insert.
      const lost = isUniqueViolation(error) || (error instanceof CinegraphError && (error.code === 'QUEUE_FULL' || error.code === 'TOO_MANY_JOBS' || error.code === 'TOKEN_BUDGET_SPENT'));
      const twin = lost ? await this.#findByKey(viewer, input.idempotencyKey, digest) : undefined;
      if (twin !== undefined) return twin;
      throw asCinegraphError(error);
    }
  }

  async #findByKey({ ownerId }: Viewer, idempotencyKey: string | null, digest: string): Promise<JobRecord | undefined> {
    if (idempotencyKey === null) return undefined;
    const job = await this.#deps.database.prisma.job.findUnique({ where: { ownerId_idempotencyKey: { ownerId, idempotencyKey } } });
    if (job === null) return undefined;
    if (job.inputDigest !== digest) throw new CinegraphError('IDEMPOTENCY_CONFLICT', undefined, { field: ['input', 'idempotencyKey'] });
    return toJobRecord(job);
  }

  async #store({ ownerId }: Viewer, input: CheckedInput, digest: string, bundle: BundleInfo, retryOfId: string | null): Promise<string> {
    const { database, queue, maxQueuedJobs, quota } = this.#deps;
    const id = randomUUID();
    const { idempotencyKey, seed: wanted, source, spans: _spans, ...rest } = input;
    const seed = wanted ?? randomInt(2 ** 31);
    const kept = { ...rest, ...source, seed, model: bundle.name };
    const parent = traceParent();
    await transaction(database.pool, async client => {
      const { rows } = await client.query<{ waiting: number }>(`SELECT count(*)::int AS waiting FROM job WHERE status = 'QUEUED'`);
      const waiting = rows[0]?.waiting ?? 0;
      if (waiting >= maxQueuedJobs) throw new CinegraphError('QUEUE_FULL', `${waiting} jobs are waiting already. Try again later.`, { retryAfterMs: await untilNextEnd(client) });
      const turn = await nextTurn(client, ownerId);
      await checkQuota(client, ownerId, countTokens(input, bundle), quota);
      const earlier = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM job WHERE status = 'QUEUED' AND turn <= $1`, [turn]);
      await client.query(
        `INSERT INTO job (id, owner_id, task, input, input_digest, idempotency_key, seed, candidates, sampling, model_name, model_digest, title, tags, deadline_at, retry_of_id, tokens_total, turn, trace_parent, last_seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14 * interval '1 millisecond', $15, $16, $17, $18, 1)`,
        [id, ownerId, input.task, JSON.stringify(kept), digest, idempotencyKey, seed, input.candidates, JSON.stringify(input.sampling), bundle.name, bundle.digest, input.title, input.tags, input.deadlineMs, retryOfId, countTokens(input, bundle), turn, parent],
      );
      const queued = { type: 'JobQueued', position: (earlier.rows[0]?.count ?? 0) + 1 };
      await client.query('INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, 1, $2, $3)', [id, queued.type, JSON.stringify(queued)]);
      await queue.enqueue(client, { jobId: id, turn, modelDigest: bundle.digest, rows: rowsOf(input) });
    });
    return id;
  }
}

/** What an asset was made from, in words: those of its shot, if it is one. */
function wordsOf(input: JobWords | undefined, shot: number | null): Omit<SourceAsset, 'record'> {
  const { prompt = null, camera = null, style = null } = (shot === null ? undefined : input?.shots?.[shot]) ?? input ?? {};
  return { prompt, camera, style };
}
