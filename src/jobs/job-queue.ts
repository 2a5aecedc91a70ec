import { PgBoss } from 'pg-boss';
import type { Queryable } from '../db/blob-store.ts';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { faultOf } from '../db/pg-error.ts';

const QUEUE = 'generation';
const DELIVERY_QUEUE = 'webhook';
/** Webhooks sent at once by a process. */
const DELIVERIES_AT_ONCE = 8;
const SCHEMA = 'pgboss';
/** A worker that shows no sign of life for so long has lost its job to another. The least that pg-boss takes. */
const HEARTBEAT_SECONDS = 10;
/** Our own rules decide how often a job is tried (see JobStore.claim); the queue only has to go on delivering it. */
const DELIVERIES = 10_000;
/** The longest run of a job. */
const EXPIRE_SECONDS = 3600;
const STOP_TIMEOUT_MS = 5_000;

/** Throw it from a handler to have the job delivered again. Anything else a handler throws does the same, with a line in the log. */
export class DeliverAgain extends Error {}

export interface JobQueue {
  /** Inside the transaction that stores the job: both appear at its commit. Workers of every process wake up then. The lowest turn runs first. */
  enqueue(transaction: Queryable, jobId: string, turn: number): Promise<void>;
  /** Takes back a job that is not to be delivered (again). */
  drop(transaction: Queryable, jobId: string): Promise<void>;
  /**
   * Runs up to `concurrency` handlers at once. signal: the queue has given the job to somebody else.
   * predecessorIsDead: nobody else works on this queue, so what is marked as being worked on is delivered again at once.
   */
  work(options: { readonly concurrency: number; readonly predecessorIsDead: boolean }, handler: (jobId: string, signal: AbortSignal) => Promise<void>): Promise<void>;
  /** Lets {@link workDeliveries} have a webhook's delivery, after the delay at the earliest, when the transaction is committed. */
  enqueueDelivery(transaction: Queryable, deliveryId: string, delaySeconds: number): Promise<void>;
  workDeliveries(handler: (deliveryId: string) => Promise<void>): Promise<void>;
  /** Takes no new jobs. Does not wait for the handlers that run. */
  stopWork(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the queue of generation jobs: pg-boss in the schema `pgboss` of the same database, which it creates and migrates itself. */
export async function openJobQueue({ database, log }: { readonly database: Database; readonly log: Log }): Promise<JobQueue> {
  const boss = new PgBoss({
    connectionString: database.url,
    schema: SCHEMA,
    application_name: 'cinegraph-queue',
    max: 4,
    useListenNotify: true,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', error => log.warn(faultOf(error), 'queue'));
  boss.on('warning', warning => log.debug({ warning }, 'queue'));
  await boss.start();
  const settings = { retryLimit: DELIVERIES, retryDelay: 0, retryBackoff: false, expireInSeconds: EXPIRE_SECONDS, heartbeatSeconds: HEARTBEAT_SECONDS, deleteAfterSeconds: 3600, notify: true };
  await boss.createQueue(QUEUE, settings);
  await boss.updateQueue(QUEUE, settings);
  await boss.createQueue(DELIVERY_QUEUE, { retryLimit: DELIVERIES, retryDelay: 1, expireInSeconds: 60, deleteAfterSeconds: 3600, notify: true });
  return new PgBossQueue(boss, database);
}

class PgBossQueue implements JobQueue {
  readonly #boss: PgBoss;
  readonly #database: Database;

  constructor(boss: PgBoss, database: Database) {
    this.#boss = boss;
    this.#database = database;
  }

  async enqueue(transaction: Queryable, jobId: string, turn: number): Promise<void> {
    // The message has the id of the job: a job can be in the queue once.
    await this.#boss.send(QUEUE, { jobId }, { id: jobId, priority: -turn, db: executor(transaction) });
  }

  async drop(transaction: Queryable, jobId: string): Promise<void> {
    await this.#boss.cancel(QUEUE, jobId, { db: executor(transaction) });
  }

  async work({ concurrency, predecessorIsDead }: { concurrency: number; predecessorIsDead: boolean }, handler: (jobId: string, signal: AbortSignal) => Promise<void>): Promise<void> {
    if (predecessorIsDead) await this.#releaseAll();
    const options = {
      localConcurrency: concurrency,
      heartbeatRefreshSeconds: 1,
      pollingIntervalSeconds: 0.5,
      // A worker naps this long between jobs when no notification comes, e.g. with more jobs waiting than workers.
      notifyPollingIntervalSeconds: 0.5,
    };
    await this.#boss.work<{ jobId: string }>(QUEUE, options, async jobs => {
      for (const job of jobs) await handler(job.id, job.signal);
    });
  }

  async enqueueDelivery(transaction: Queryable, deliveryId: string, delaySeconds: number): Promise<void> {
    await this.#boss.send(DELIVERY_QUEUE, { deliveryId }, { startAfter: delaySeconds, db: executor(transaction) });
  }

  async workDeliveries(handler: (deliveryId: string) => Promise<void>): Promise<void> {
    const options = { localConcurrency: DELIVERIES_AT_ONCE, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 };
    await this.#boss.work<{ deliveryId: string }>(DELIVERY_QUEUE, options, async jobs => {
      for (const { data } of jobs) await handler(data.deliveryId);
    });
  }

  async #releaseAll(): Promise<void> {
    const { rows } = await this.#database.pool.query<{ id: string }>(`SELECT id FROM ${SCHEMA}.job WHERE name = $1 AND state = 'active'`, [QUEUE]);
    if (rows.length > 0) await this.#boss.fail(QUEUE, rows.map(({ id }) => id));
  }

  async stopWork(): Promise<void> {
    await Promise.all([QUEUE, DELIVERY_QUEUE].map(name => this.#boss.offWork(name, { wait: false })));
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: true, timeout: STOP_TIMEOUT_MS });
  }
}

function executor(transaction: Queryable): { executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> } {
  return { executeSql: (text, values) => transaction.query(text, values) };
}
