import type { PgBoss } from 'pg-boss';
import type { Queryable } from '../../db/blobs/blob-store.ts';
import type { Log } from '../../db/log.ts';
import { faultOf, isDatabaseAway } from '../../db/pg-error.ts';
import { untilDatabase } from '../../db/until-database.ts';

export const QUEUE_SCHEMA = 'pgboss';
/** How often to look for a job without being woken: a notice may get lost, and a job that comes back gives none. */
const POLL_MS = 500;
/** How often the queue is told that the jobs here are alive. */
const TOUCH_MS = 1_000;
/** How long the end of a job is told to a queue that is away. After that its lease has run out anyway. */
const SETTLE_DEADLINE_MS = 30_000;

/** Throw it from a handler to have the job delivered again. Anything else a handler throws does the same, with a line in the log. */
export class DeliverAgain extends Error {}

export interface Delivery {
  readonly jobId: string;
  /** Rows of the key-value cache that it takes. */
  readonly rows: number;
  /** Aborted when the queue has given the job to somebody else, as soon as that is known here. */
  readonly lease: AbortSignal;
  /** Whether the queue has given it to nobody else. A process that was frozen is told too late by its lease: ask in the transaction that depends on it. */
  isCurrent(transaction: Queryable): Promise<boolean>;
}

/** Called while there is room; takes its place in it before it first waits. */
export type Handler = (delivery: Delivery) => Promise<void>;

export interface PullOptions {
  readonly boss: PgBoss;
  readonly queue: string;
  /** Whether one more job may be taken now. */
  readonly hasRoom: () => boolean;
  readonly log: Log;
}

interface Held {
  readonly id: string;
  /** Which delivery of the job this is: what is said of an earlier one no longer counts. */
  readonly retryCount: number;
  readonly lease: AbortController;
}

/**
 * Takes jobs from one queue, one at a time and only while there is room, so that a job waits where another worker can have it. Keeps their
 * leases while they run and settles each with the queue when its handler has ended. Owner: the queue.
 */
export class JobPuller {
  readonly #options: PullOptions;
  readonly #handler: Handler;
  readonly #held = new Set<Held>();
  #news = Promise.withResolvers<void>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  #touch: NodeJS.Timeout | undefined;
  #touching = false;

  constructor(options: PullOptions, handler: Handler) {
    this.#options = options;
    this.#handler = handler;
  }

  start(): void {
    this.#touch = setInterval(() => void this.#renew(), TOUCH_MS);
    this.#loop = this.#pull();
  }

  wake(): void {
    this.#news.resolve();
  }

  /** Takes no more jobs; the leases of those that run are kept. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Resolves when the last fetch is over. */
  async closed(): Promise<void> {
    await this.#loop;
    clearInterval(this.#touch);
  }

  async #pull(): Promise<void> {
    while (!this.#stopped) {
      this.#news = Promise.withResolvers();
      const delivered = this.#options.hasRoom() && (await this.#fetch());
      if (!delivered) await this.#newsOrPoll();
    }
  }

  async #newsOrPoll(): Promise<void> {
    const timer = setTimeout(this.#news.resolve, POLL_MS);
    await this.#news.promise;
    clearTimeout(timer);
  }

  async #fetch(): Promise<boolean> {
    const { boss, queue, log } = this.#options;
    try {
      const [job] = await boss.fetch<{ rows?: number }>(queue, { batchSize: 1 });
      if (job === undefined) return false;
      void this.#run({ id: job.id, retryCount: job.retryCount, lease: new AbortController() }, job.data.rows ?? 2);
      return true;
    } catch (error) {
      log.debug(faultOf(error), 'cannot look for a job');
      return false;
    }
  }

  async #run(held: Held, rows: number): Promise<void> {
    const { boss, queue, log } = this.#options;
    this.#held.add(held);
    try {
      const outcome = await this.#handler({ jobId: held.id, rows, lease: held.lease.signal, isCurrent: transaction => isCurrent(transaction, queue, held) }).then(() => undefined, (error: unknown) => error);
      if (outcome !== undefined && !(outcome instanceof DeliverAgain)) log.warn({ job: held.id, ...faultOf(outcome) }, 'the job is delivered again');
      await untilDatabase(() => (outcome === undefined ? boss.complete(queue, held) : boss.fail(queue, held)), { deadlineMs: SETTLE_DEADLINE_MS });
      // It waits again.
      if (outcome !== undefined) this.wake();
    } catch (error) {
      // Its lease runs out, and whoever gets it finds what became of it in its row.
      log.warn({ job: held.id, ...faultOf(error) }, 'the queue was not told that the run is over');
    } finally {
      this.#held.delete(held);
    }
  }

  /** One statement for all jobs here. Who is no longer mentioned has lost its lease. */
  async #renew(): Promise<void> {
    const held = [...this.#held];
    if (held.length === 0 || this.#touching) return;
    this.#touching = true;
    try {
      const { settled } = (await this.#options.boss.touch(this.#options.queue, held)) as { readonly settled?: readonly string[] };
      if (settled === undefined) return;
      for (const job of held) if (this.#held.has(job) && !settled.includes(job.id)) job.lease.abort();
    } catch (error) {
      if (!isDatabaseAway(error)) this.#options.log.warn(faultOf(error), 'cannot renew the leases of the jobs');
    } finally {
      this.#touching = false;
    }
  }
}

async function isCurrent(transaction: Queryable, queue: string, { id, retryCount }: Held): Promise<boolean> {
  const { rows } = await transaction.query(`SELECT id FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND id = $2 AND state = 'active' AND retry_count = $3`, [queue, id, retryCount]);
  return rows.length === 1;
}
