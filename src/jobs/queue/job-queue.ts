import { PgBoss } from 'pg-boss';
import type { Queryable } from '../../db/blobs/blob-store.ts';
import type { Database } from '../../db/database.ts';
import type { Log } from '../../db/log.ts';
import { faultOf } from '../../db/pg-error.ts';
import { Rounds } from '../rounds.ts';
import { adoptJobs } from './adopt-jobs.ts';
import { type Handler, JobPuller, type PullOptions, QUEUE_SCHEMA } from './job-puller.ts';

/** Jobs of a model wait in `generation.DIGEST`; in `generation` alone, those of a version that knew one model only. */
export const QUEUES = 'generation';
const DELIVERY_QUEUE = 'webhook';
/** Webhooks sent at once by a process. */
const DELIVERIES_AT_ONCE = 8;
/** A worker that shows no sign of life for so long has lost its job to another. The least that pg-boss takes. */
const HEARTBEAT_SECONDS = 10;
/** Our own rules decide how often a job is tried (see JobStore.claim); the queue only has to go on delivering it. */
const DELIVERIES = 10_000;
/** The longest run of a job. */
const EXPIRE_SECONDS = 3600;
const STOP_TIMEOUT_MS = 5_000;
/** What is done stays in the queue for so long, in case somebody asks why, and is looked for this often (pg-boss alone would look once a day). */
const KEPT_SECONDS = 3600;
const MAINTENANCE_SECONDS = 300;
const ADOPTION_INTERVAL_MS = 5_000;
const SETTINGS = { retryLimit: DELIVERIES, retryDelay: 0, retryBackoff: false, expireInSeconds: EXPIRE_SECONDS, heartbeatSeconds: HEARTBEAT_SECONDS, deleteAfterSeconds: KEPT_SECONDS, notify: false };

/** A job as it waits: the model that it wants, and how many rows of the cache it will take. */
export interface QueuedJob {
  readonly jobId: string;
  readonly turn: number;
  readonly modelDigest: string;
  readonly rows: number;
}

export interface WorkOptions extends Pick<PullOptions, 'hasRoom'> {
  /** Jobs of this model are taken, and of models of this name that no worker has any more. */
  readonly model: { readonly name: string; readonly digest: string };
  /** Nobody else works on this database: what is marked as being worked on is delivered again at once. */
  readonly predecessorIsDead: boolean;
}

export interface JobQueue {
  /** Inside the transaction that stores the job: both appear at its commit. The lowest turn runs first. */
  enqueue(transaction: Queryable, job: QueuedJob): Promise<void>;
  /** Puts a job in whose message is done or gone, inside the transaction that holds the job's row. */
  enqueueAgain(transaction: Queryable, job: QueuedJob): Promise<void>;
  /** Takes back a job that is not to be delivered (again). */
  drop(transaction: Queryable, jobId: string): Promise<void>;
  /** Takes jobs while there is room for them. wake: look again now, there may be a job, or room. */
  work(options: WorkOptions, handler: Handler): Promise<{ wake(): void }>;
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
    schema: QUEUE_SCHEMA,
    application_name: 'cinegraph-queue',
    max: 4,
    useListenNotify: true,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    maintenanceIntervalSeconds: MAINTENANCE_SECONDS,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', error => log.warn(faultOf(error), 'queue'));
  boss.on('warning', warning => log.debug({ warning }, 'queue'));
  await boss.start();
  await boss.createQueue(DELIVERY_QUEUE, { retryLimit: DELIVERIES, retryDelay: 1, expireInSeconds: 60, deleteAfterSeconds: KEPT_SECONDS, notify: true });
  return new PgBossQueue(boss, database, log);
}

/** A queue's name holds half of the digest: enough to tell models apart, and short enough. */
export function queueOf(modelDigest: string): string {
  return `${QUEUES}.${modelDigest.slice(0, 32)}`;
}

/** SQL: a message of the job with this id (an expression) waits, or somebody works on it. */
export function hasMessage(jobId: string): string {
  return `EXISTS (SELECT FROM ${QUEUE_SCHEMA}.job AS message WHERE message.id = ${jobId} AND message.name LIKE '${QUEUES}%' AND message.state < 'completed')`;
}

/** SQL: a message of the webhook delivery with this id (an expression) waits, or somebody works on it. */
export function hasDeliveryMessage(deliveryId: string): string {
  return `EXISTS (SELECT FROM ${QUEUE_SCHEMA}.job AS message WHERE message.name = '${DELIVERY_QUEUE}' AND message.data ->> 'deliveryId' = ${deliveryId}::text AND message.state < 'completed')`;
}

class PgBossQueue implements JobQueue {
  readonly #boss: PgBoss;
  readonly #database: Database;
  readonly #log: Log;
  /** Queues that are known to exist, by name. */
  readonly #known = new Map<string, Promise<void>>();
  #puller: JobPuller | undefined;
  #adoption: Rounds | undefined;

  constructor(boss: PgBoss, database: Database, log: Log) {
    this.#boss = boss;
    this.#database = database;
    this.#log = log;
  }

  async enqueue(transaction: Queryable, { jobId, turn, modelDigest, rows }: QueuedJob): Promise<void> {
    const queue = queueOf(modelDigest);
    await this.#ensure(queue);
    // The message has the id of the job: a job can be in the queue once.
    await this.#boss.send(queue, { rows }, { id: jobId, priority: -turn, db: executor(transaction) });
  }

  async enqueueAgain(transaction: Queryable, job: QueuedJob): Promise<void> {
    const queue = queueOf(job.modelDigest);
    await this.#ensure(queue);
    await this.#move(transaction, { ...job, queue }, job.modelDigest);
  }

  async drop(transaction: Queryable, jobId: string): Promise<void> {
    const { rows } = await transaction.query<{ name: string }>(`SELECT name FROM ${QUEUE_SCHEMA}.job WHERE id = $1 AND name LIKE '${QUEUES}%' AND state < 'completed'`, [jobId]);
    for (const { name } of rows) await this.#boss.cancel(name, jobId, { db: executor(transaction) });
  }

  async work({ model, predecessorIsDead, hasRoom }: WorkOptions, handler: Handler): Promise<{ wake(): void }> {
    const queue = queueOf(model.digest);
    await this.#ensure(queue);
    if (predecessorIsDead) await this.#releaseAll();
    const puller = new JobPuller({ boss: this.#boss, queue, hasRoom, log: this.#log }, handler);
    const adopt = async (): Promise<void> => {
      const adopted = await adoptJobs(this.#database, model, (client, job) => this.#move(client, job, model.digest));
      if (adopted === 0) return;
      this.#log.info({ jobs: adopted, model: model.digest }, 'jobs of a model that is gone wait for this one now');
      puller.wake();
    };
    await adopt();
    this.#adoption = new Rounds({ everyMs: ADOPTION_INTERVAL_MS, doing: 'looking for jobs to adopt', log: this.#log }, adopt);
    this.#puller = puller;
    puller.start();
    return puller;
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

  async stopWork(): Promise<void> {
    await this.#adoption?.stop();
    this.#puller?.stop();
    await this.#boss.offWork(DELIVERY_QUEUE, { wait: false });
  }

  async close(): Promise<void> {
    await this.stopWork();
    await this.#puller?.closed();
    await this.#boss.stop({ graceful: true, timeout: STOP_TIMEOUT_MS });
  }

  async #move(client: Queryable, { jobId, queue, turn, rows }: { readonly jobId: string; readonly queue: string; readonly turn: number; readonly rows: number }, modelDigest: string): Promise<void> {
    await this.#boss.deleteJob(queue, jobId, { db: executor(client) });
    await this.enqueue(client, { jobId, turn, modelDigest, rows });
  }

  async #releaseAll(): Promise<void> {
    const { rows } = await this.#database.pool.query<{ id: string; name: string }>(`SELECT id, name FROM ${QUEUE_SCHEMA}.job WHERE name LIKE '${QUEUES}%' AND state = 'active'`);
    for (const { id, name } of rows) await this.#boss.fail(name, id);
  }

  #ensure(queue: string): Promise<void> {
    let known = this.#known.get(queue);
    if (known === undefined) {
      known = this.#boss.createQueue(queue, SETTINGS);
      this.#known.set(queue, known);
      known.catch(() => this.#known.delete(queue));
    }
    return known;
  }
}

function executor(transaction: Queryable): { executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> } {
  return { executeSql: (text, values) => transaction.query(text, values) };
}
