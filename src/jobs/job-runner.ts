import { SpanKind } from '@opentelemetry/api';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { withDeadline } from '../deadline.ts';
import { isDatabaseAway, isStorageFull } from '../db/pg-error.ts';
import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError, ERRORS, type ErrorCode } from '../errors.ts';
import type { InferenceClient } from '../inference/core/generation.ts';
import type { Media } from '../media/media.ts';
import { withLogFields } from '../log-context.ts';
import { inSpan } from '../spans.ts';
import { Admission, type Seat } from './admission.ts';
import type { JobQueue } from './queue/job-queue.ts';
import { DeliverAgain, type Delivery } from './queue/job-puller.ts';
import { runJob } from './job-run.ts';
import { mayRunAgain } from './may-run-again.ts';
import { type Attempt, Fenced, JobStore, MOST_TRIES } from './job-store.ts';
import { ModeratedJobStore } from './moderation/moderated-job-store.ts';
import { Moderation, type ModerationOptions } from './moderation/moderation.ts';
import { Rounds } from './rounds.ts';
import { isCancel, Stop } from './stop.ts';
import { WorkerPulse } from './workers/worker-pulse.ts';

const OVERDUE_INTERVAL_MS = 1_000;
const SETTLE_DEADLINE_MS = 30_000;
const START_DEADLINE_MS = 300_000;

export interface JobRunnerOptions {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly media: Media;
  readonly inference: InferenceClient;
  /** Jobs that run at once; the engine batches them. */
  readonly concurrency: number;
  /** Rows of the key-value cache. */
  readonly slots?: number;
  /** Takes jobs also when no row is free. Left out: yes; with other workers they are better off waiting for one of those. */
  readonly overcommit?: boolean;
  /** Of this program, for the list of workers. */
  readonly version?: string;
  /** Write prompts to the log, too. */
  readonly logPrompts?: boolean;
  /** Who decides what may be made; everything may when left out. */
  readonly moderation?: ModerationOptions | undefined;
  readonly log: Log;
}

/** Owner: the composition root, which stops it before it closes what it was given. */
export interface JobRunner {
  /** Jobs of this process that run now. */
  readonly running: number;
  /**
   * Takes no new jobs, lets the running ones go on for finishMs (none, when left out) and hands back to the queue what is left then. Returns
   * when that is done, or graceMs after finishMs.
   */
  stop(options: { readonly graceMs: number; readonly finishMs?: number }): Promise<void>;
}

/** Takes jobs from the queue as soon as the model is ready. With the embedded database, what a killed predecessor left RUNNING is delivered again at once. */
export function startJobRunner(options: JobRunnerOptions): JobRunner {
  const runner = new Runner(options);
  runner.start();
  return runner;
}

class Runner implements JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #moderation: Moderation | undefined;
  readonly #store: JobStore;
  readonly #runs = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  readonly #admission: Admission;
  readonly #pulse: WorkerPulse;
  #wake: () => void = () => {};
  #stopping = false;
  #modelGone = false;
  #unsubscribe: (() => void) | undefined;
  #overdue: Rounds | undefined;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    const { database, inference, concurrency, slots = 16, overcommit = true, version = '0', moderation, log } = options;
    this.#moderation = moderation === undefined ? undefined : new Moderation({ ...moderation, pool: database.pool, log });
    this.#store = this.#moderation === undefined ? new JobStore(database) : new ModeratedJobStore(database, this.#moderation);
    this.#admission = new Admission({ slots, overcommit, atOnce: concurrency, onRoom: () => this.#wake() });
    const load = () => ({ slots, usedSlots: Math.min(slots, this.#admission.usedSlots), runningJobs: this.#admission.jobs });
    this.#pulse = new WorkerPulse({ database, version, info: () => inference.info, load, log });
  }

  start(): void {
    const { database, inference, queue, log } = this.#options;
    this.#unsubscribe = database.bus.subscribe({
      message: message => {
        if (message.type === 'cancel') this.#runs.get(message.job)?.controller.abort(new Stop('canceled'));
        // A state event of a job that does not run here: one was queued, or came back.
        if (message.type === 'event' && message.owner !== undefined && !this.#runs.has(message.job)) this.#wake();
      },
      // A cancel that got lost is noticed at the next event: the job's row says so.
      resync: () => this.#wake(),
    });
    this.#overdue = new Rounds({ everyMs: OVERDUE_INTERVAL_MS, doing: 'looking for overdue jobs', log }, () => this.#store.failOverdue((client, jobId) => queue.drop(client, jobId)));
    // Which jobs are ours, the model tells. One that cannot start takes none: they wait for another worker.
    void inference.ready().then(
      ({ bundle: { name, digest } }) => this.#takeJobs({ name, digest }),
      // Whoever stops closes the model, too.
      (error: unknown) => {
        if (!this.#stopping) log.error({ err: error }, 'no jobs are taken: the model cannot start');
      },
    );
  }

  async #takeJobs(model: { readonly name: string; readonly digest: string }): Promise<void> {
    if (this.#stopping) return;
    this.#pulse.now();
    const { database, queue, log } = this.#options;
    const options = { model, predecessorIsDead: database.embedded, hasRoom: () => this.#hasRoom() };
    try {
      const work = await untilDatabase(() => queue.work(options, delivery => this.#deliver(delivery)), { deadlineMs: START_DEADLINE_MS });
      this.#wake = () => work.wake();
    } catch (error) {
      log.error({ err: error }, 'no jobs are taken: the queue cannot be opened');
    }
  }

  /** While the model restarts, another worker may take what waits. Once it is gone for good, what is taken fails with the reason. */
  #hasRoom(): boolean {
    if (!this.#admission.hasRoom || this.#stopping) return false;
    const { inference } = this.#options;
    if (inference.info !== undefined || this.#modelGone) return true;
    inference.ready().catch(() => (this.#modelGone = true));
    return false;
  }

  get running(): number {
    return this.#runs.size;
  }

  async stop({ graceMs, finishMs = 0 }: { readonly graceMs: number; readonly finishMs?: number }): Promise<void> {
    this.#stopping = true;
    const overdue = this.#overdue?.stop();
    this.#pulse.drain();
    await this.#options.queue.stopWork();
    if (finishMs > 0) await withDeadline(this.#allDone(), finishMs, undefined);
    for (const { controller } of this.#runs.values()) controller.abort(new Stop('handed back'));
    await withDeadline(Promise.all([overdue, this.#allDone()]), graceMs, undefined);
    this.#unsubscribe?.();
    await withDeadline(this.#pulse.stop(), graceMs, undefined);
  }

  async #allDone(): Promise<void> {
    await Promise.all([...this.#runs.values()].map(({ done }) => done));
  }

  async #deliver({ jobId, rows, lease, isCurrent }: Delivery): Promise<void> {
    if (this.#stopping) throw new DeliverAgain('stopping');
    const seat = this.#admission.sit(rows);
    // The queue delivered again what still runs here (Postgres was away longer than a heartbeat): the old run ends first.
    const previous = this.#runs.get(jobId);
    previous?.controller.abort(new Stop('lost'));
    const controller = new AbortController();
    const done = Promise.withResolvers<void>();
    this.#runs.set(jobId, { controller, done: done.promise });
    const lost = (): void => controller.abort(new Stop('lost'));
    lease.addEventListener('abort', lost, { once: true });
    try {
      await previous?.done;
      await withLogFields({ job: jobId }, () => this.#attempt(jobId, isCurrent, controller, seat));
    } finally {
      lease.removeEventListener('abort', lost);
      if (this.#runs.get(jobId)?.controller === controller) this.#runs.delete(jobId);
      seat.leave();
      done.resolve();
    }
  }

  async #attempt(jobId: string, isCurrent: Delivery['isCurrent'], controller: AbortController, seat: Seat): Promise<void> {
    const { signal } = controller;
    const run = await untilDatabase(() => this.#store.claim(jobId, this.#pulse.name, isCurrent), { deadlineMs: SETTLE_DEADLINE_MS, signal });
    if (run === undefined) return;
    const { log, logPrompts = false } = this.#options;
    const { attempt, task, candidates } = run;
    log.info({ attempt, task, candidates, ...(logPrompts ? { prompt: run.input['prompt'] } : {}) }, 'job started');
    const startedAt = performance.now();
    const deadline = run.deadlineAt === null ? undefined : setTimeout(() => controller.abort(new Stop('deadline')), Math.max(0, run.deadlineAt.getTime() - Date.now()));
    try {
      if (run.tries === MOST_TRIES) await seat.alone(signal);
      const attributes = { 'cinegraph.job': jobId, 'cinegraph.attempt': attempt, 'cinegraph.task': task };
      await inSpan('job run', { kind: SpanKind.CONSUMER, attributes, parent: run.traceParent }, async () => {
        await this.#moderation?.review(run, 'BEFORE', []);
        await runJob(run, { ...this.#options, store: this.#store, generated: () => seat.freeRows() }, signal);
      });
      log.info({ attempt, task, ms: Math.round(performance.now() - startedAt) }, 'job ended');
    } catch (error) {
      await this.#settle(run, signal.aborted ? signal.reason : error);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Decides what becomes of a run that did not succeed. Throws {@link DeliverAgain} when the job is to run again. */
  async #settle(run: Attempt, error: unknown): Promise<void> {
    const { log } = this.#options;
    const job = { job: run.jobId, attempt: run.attempt };
    const write = (work: () => Promise<void>): Promise<void> => untilDatabase(work, { deadlineMs: SETTLE_DEADLINE_MS });
    try {
      if (error instanceof Fenced) {
        if (!(await untilDatabase(() => this.#store.isOwn(run), { deadlineMs: SETTLE_DEADLINE_MS }))) {
          log.info(job, 'the job was canceled or taken over');
          // Only who ends a job may call it done. The queue does not listen to a delivery that it has replaced.
          throw new DeliverAgain('taken over');
        }
        log.warn(job, 'the database has lost the newest events; the job runs again');
        await write(() => this.#store.handBack(run, null));
        throw new DeliverAgain('events lost');
      }
      // Before its first frame, or what there was could not be kept.
      if (isCancel(error)) return await write(() => this.#store.cancel(run, []));
      if (error instanceof Stop) {
        if (error.why === 'lost') {
          log.info({ ...job, why: error.why }, 'run stopped');
          throw new DeliverAgain('lost');
        }
        if (error.why === 'deadline') return await write(() => this.#store.fail(run, 'DEADLINE_EXCEEDED', ERRORS.DEADLINE_EXCEEDED.message));
        await write(() => this.#store.handBack(run, null));
        throw new DeliverAgain('handed back');
      }
      const { code, message } = describe(error);
      if (mayRunAgain(code) && run.tries < MOST_TRIES) {
        log.warn({ ...job, err: error }, 'the run was lost; the job runs again');
        await write(() => this.#store.handBack(run, `${code}: ${message}`));
        throw new DeliverAgain(code);
      }
      log.error({ ...job, err: error }, 'the job failed');
      await write(() => this.#store.fail(run, code, message));
    } catch (settled) {
      if (settled instanceof Fenced) throw new DeliverAgain('taken over');
      throw settled;
    }
  }
}

function describe(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  if (isStorageFull(error)) return { code: 'STORAGE_FULL', message: ERRORS.STORAGE_FULL.message };
  if (isDatabaseAway(error)) return { code: 'DATABASE_UNAVAILABLE', message: ERRORS.DATABASE_UNAVAILABLE.message };
  if (error instanceof CinegraphError && error.code !== 'INTERNAL') return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: ERRORS.INTERNAL.message };
}
