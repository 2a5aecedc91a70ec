import type { Queryable } from '../db/blobs/blob-store.ts';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { JobStore, type Seen } from './job-store.ts';
import { hasMessage, type JobQueue } from './queue/job-queue.ts';
import { Rounds } from './rounds.ts';

const INTERVAL_MS = 15_000;
/** Longer than a lease in the queue: a worker that still had the job has noticed that it has it no more. */
const LOST_AFTER_MS = 15_000;
/** Jobs of one sweep: the rest waits for the next. */
const BATCH = 500;

export interface LostJobSweeperOptions {
  readonly database: Database;
  readonly queue: Pick<JobQueue, 'enqueueAgain'>;
  readonly log: Log;
  /** Told of each job. */
  readonly onPutBack?: (became: 'queued' | 'ended') => void;
  /** How long a job must stand still without a message; {@link LOST_AFTER_MS}. */
  readonly lostAfterMs?: number;
}

/** What one sweep did. */
export interface PutBack {
  queued: number;
  ended: number;
}

interface Sighting extends Seen {
  /** By the clock of this process, ms. */
  readonly since: number;
}

/**
 * Puts jobs into the queue again that wait or run, but of which the queue knows nothing: its message was removed, or a backup brought back the
 * one and not the other. A job is lost when it was seen so twice and did not move in between. Several processes may sweep: who takes the job's
 * row second finds it moved; and a run that goes on all the same is refused its writes. Owner: the composition root, which stops it before the
 * queue is closed.
 */
export class LostJobSweeper {
  readonly #options: LostJobSweeperOptions;
  readonly #store: JobStore;
  readonly #rounds: Rounds;
  /** By the job's id. */
  #suspects: ReadonlyMap<string, Sighting> = new Map();

  constructor(options: LostJobSweeperOptions) {
    this.#options = options;
    this.#store = new JobStore(options.database);
    this.#rounds = new Rounds({ everyMs: INTERVAL_MS, doing: 'looking for jobs that the queue has lost', log: options.log }, stopping => this.#tick(stopping));
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  async sweep(stopping?: AbortSignal): Promise<PutBack> {
    const { database: { pool }, queue, lostAfterMs = LOST_AFTER_MS, onPutBack } = this.#options;
    const putBack: PutBack = { queued: 0, ended: 0 };
    const { rows } = await pool.query<Seen>(WITHOUT_MESSAGE, [BATCH]);
    const now = performance.now();
    const before = this.#suspects;
    this.#suspects = new Map(rows.map(seen => [seen.jobId, same(seen, before.get(seen.jobId)) ?? { ...seen, since: now }]));
    for (const seen of this.#suspects.values()) {
      // Seen for the first time, whatever the age.
      if (stopping?.aborted === true || before.get(seen.jobId) !== seen || now - seen.since < lostAfterMs) continue;
      const became = await this.#store.putBack(seen, hasNone(seen.jobId), (client, job) => queue.enqueueAgain(client, job));
      if (became === undefined) continue;
      putBack[became]++;
      onPutBack?.(became);
    }
    return putBack;
  }

  async #tick(stopping: AbortSignal): Promise<void> {
    const { queued, ended } = await this.sweep(stopping);
    if (queued + ended > 0) this.#options.log.warn({ queued, ended }, 'the queue had lost jobs');
  }
}

function same(seen: Seen, before: Sighting | undefined): Sighting | undefined {
  return before?.attempt === seen.attempt && before.lastSeq === seen.lastSeq ? before : undefined;
}

/** Asked under the job's lock, which a message cannot appear without. */
function hasNone(jobId: string): (client: Queryable) => Promise<boolean> {
  return async client => (await client.query(`SELECT WHERE NOT ${hasMessage('$1')}`, [jobId])).rowCount === 1;
}

const WITHOUT_MESSAGE = `
  SELECT id AS "jobId", attempt, last_seq AS "lastSeq" FROM job WHERE status IN ('QUEUED', 'RUNNING') AND NOT ${hasMessage('job.id')} ORDER BY created_at LIMIT $1`;
