import { SpanKind } from '@opentelemetry/api';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { isDatabaseAway, isStorageFull } from '../db/pg-error.ts';
import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError, ERRORS, type ErrorCode } from '../errors.ts';
import type { InferenceClient } from '../inference/core/generation.ts';
import type { Media } from '../media/media.ts';
import { withLogFields } from '../log-context.ts';
import { inSpan } from '../spans.ts';
import { DeliverAgain, type JobQueue } from './job-queue.ts';
import { runJob } from './job-run.ts';
import { mayRunAgain } from './may-run-again.ts';
import { type Attempt, Fenced, JobStore, MOST_TRIES } from './job-store.ts';
import { isCancel, Stop } from './stop.ts';

const OVERDUE_INTERVAL_MS = 1_000;
const SETTLE_DEADLINE_MS = 30_000;

export interface JobRunnerOptions {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly media: Media;
  readonly inference: InferenceClient;
  /** Jobs that run at once; the engine batches them. */
  readonly concurrency: number;
  /** Write prompts to the log, too. */
  readonly logPrompts?: boolean;
  readonly log: Log;
}

/** Owner: the composition root, which stops it before it closes what it was given. */
export interface JobRunner {
  /** Jobs of this process that run now. */
  readonly running: number;
  /** Takes no new jobs and hands the running ones back to the queue; returns when they are, or after graceMs. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/** Starts to take jobs from the queue. With the embedded database, what a killed predecessor left RUNNING is delivered again at once. */
export async function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const runner = new Runner(options);
  await runner.start();
  return runner;
}

class Runner implements JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #store: JobStore;
  readonly #runs = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  #stopping = false;
  #unsubscribe: (() => void) | undefined;
  #overdue: NodeJS.Timeout | undefined;
  #sweep: Promise<void> = Promise.resolve();

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#store = new JobStore(options.database);
  }

  async start(): Promise<void> {
    const { database, queue, concurrency } = this.#options;
    this.#unsubscribe = database.bus.subscribe({
      message: message => {
        if (message.type === 'cancel') this.#runs.get(message.job)?.controller.abort(new Stop('canceled'));
      },
      // A cancel that got lost is noticed at the next event: the job's row says so.
      resync: () => {},
    });
    this.#overdue = setInterval(() => {
      this.#sweep = this.#failOverdue();
    }, OVERDUE_INTERVAL_MS);
    await queue.work({ concurrency, predecessorIsDead: database.embedded }, (jobId, signal) => this.#deliver(jobId, signal));
  }

  get running(): number {
    return this.#runs.size;
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#overdue);
    await this.#options.queue.stopWork();
    for (const { controller } of this.#runs.values()) controller.abort(new Stop('handed back'));
    const grace = Promise.withResolvers<void>();
    const timer = setTimeout(grace.resolve, graceMs);
    await Promise.race([Promise.all([this.#sweep, ...[...this.#runs.values()].map(({ done }) => done)]), grace.promise]);
    clearTimeout(timer);
    this.#unsubscribe?.();
  }

  async #deliver(jobId: string, lease: AbortSignal): Promise<void> {
    if (this.#stopping) throw new DeliverAgain('stopping');
    // The queue delivered again what still runs here (Postgres was away longer than a heartbeat): the old run ends first.
    const previous = this.#runs.get(jobId);
    previous?.controller.abort(new Stop('lost'));
    await previous?.done;
    const controller = new AbortController();
    const done = Promise.withResolvers<void>();
    this.#runs.set(jobId, { controller, done: done.promise });
    const lost = (): void => controller.abort(new Stop('lost'));
    lease.addEventListener('abort', lost, { once: true });
    try {
      await withLogFields({ job: jobId }, () => this.#attempt(jobId, controller));
    } finally {
      lease.removeEventListener('abort', lost);
      this.#runs.delete(jobId);
      done.resolve();
    }
  }

  async #attempt(jobId: string, controller: AbortController): Promise<void> {
    const { signal } = controller;
    const run = await untilDatabase(() => this.#store.claim(jobId), { deadlineMs: SETTLE_DEADLINE_MS, signal });
    if (run === undefined) return;
    const { log, logPrompts = false } = this.#options;
    const { attempt, task, candidates } = run;
    log.info({ attempt, task, candidates, ...(logPrompts ? { prompt: run.input['prompt'] } : {}) }, 'job started');
    const startedAt = performance.now();
    const deadline = run.deadlineAt === null ? undefined : setTimeout(() => controller.abort(new Stop('deadline')), Math.max(0, run.deadlineAt.getTime() - Date.now()));
    try {
      const attributes = { 'cinegraph.job': jobId, 'cinegraph.attempt': attempt, 'cinegraph.task': task };
      await inSpan('job run', { kind: SpanKind.CONSUMER, attributes, parent: run.traceParent }, () => runJob(run, { ...this.#options, store: this.#store }, signal));
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
      if (error instanceof Fenced) return log.info(job, 'the job was canceled or taken over');
      // Before its first frame, or what there was could not be kept.
      if (isCancel(error)) return await write(() => this.#store.cancel(run, []));
      if (error instanceof Stop) {
        if (error.why === 'lost') return log.info({ ...job, why: error.why }, 'run stopped');
        if (error.why === 'deadline') return await write(() => this.#store.fail(run, 'DEADLINE_EXCEEDED', ERRORS.DEADLINE_EXCEEDED.message));
        await write(() => this.#store.handBack(run, false));
        throw new DeliverAgain('handed back');
      }
      const { code, message } = describe(error);
      if (mayRunAgain(code) && run.tries < MOST_TRIES) {
        log.warn({ ...job, err: error }, 'the run was lost; the job runs again');
        await write(() => this.#store.handBack(run, true));
        throw new DeliverAgain(code);
      }
      log.error({ ...job, err: error }, 'the job failed');
      await write(() => this.#store.fail(run, code, message));
    } catch (settled) {
      if (settled instanceof Fenced) return;
      throw settled;
    }
  }

  async #failOverdue(): Promise<void> {
    try {
      await this.#store.failOverdue((client, jobId) => this.#options.queue.drop(client, jobId));
    } catch (error) {
      if (!isDatabaseAway(error)) this.#options.log.error({ err: error }, 'looking for overdue jobs');
    }
  }
}

function describe(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  if (isStorageFull(error)) return { code: 'STORAGE_FULL', message: ERRORS.STORAGE_FULL.message };
  if (isDatabaseAway(error)) return { code: 'DATABASE_UNAVAILABLE', message: ERRORS.DATABASE_UNAVAILABLE.message };
  if (error instanceof CinegraphError && error.code !== 'INTERNAL') return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: ERRORS.INTERNAL.message };
}
