import { JobCanceledError, JobFailedError, UnreachableError } from './errors.ts';
import type { WatchOptions } from './job-events.ts';
import type { Job, JobEvent, JobWarning, PreviewFrame } from './types.ts';

/** A frame of a clip, as soon as it can be seen. */
export interface Frame extends PreviewFrame {
  /** Which candidate, from 0. */
  readonly candidate: number;
  /** False: some of its tokens are still missing, and the same index comes again. */
  readonly final: boolean;
}

export interface FrameOptions extends WatchOptions {
  /** Only this candidate's. Default: all, in the order in which they come. */
  readonly candidate?: number;
  /** Also frames that are not final yet. Default: no, each index once and in order. */
  readonly drafts?: boolean;
}

/** A job, and what can be done with it. Holds no connection: nothing has to be closed. */
export interface JobHandle {
  readonly id: string;
  /** The job as it was when the handle was made. `reload()` gives it as it is now. */
  readonly job: Job;
  /** The seed in use, also when none was given. */
  readonly seed: number;
  /** Those of `job`: what the model has to say of the prompt comes when the job starts, so look at `reload()` then, or at what `result()` gives. */
  readonly warnings: readonly JobWarning[];
  /** Every event in order, none twice, none missing, over lost connections; ends after JobFinished. Several readers do not disturb each other. */
  events(options?: WatchOptions): AsyncGenerator<JobEvent, void, void>;
  /** The frames as they are decoded, each with its picture in `dataUrl` (unless `previews` is false). */
  frames(options?: FrameOptions): AsyncGenerator<Frame, void, void>;
  /** Waits for the end. Throws JobFailedError, JobCanceledError, or the signal's reason. */
  result(options?: Pick<WatchOptions, 'signal' | 'giveUpAfterMs'>): Promise<Job>;
  /** Throws InputError with JOB_NOT_CANCELABLE when the job has ended. */
  cancel(): Promise<Job>;
  /** A new job with the same input, for one that failed or was canceled. */
  retry(): Promise<JobHandle>;
  /** The job as it is now. */
  reload(): Promise<Job>;
}

/** What a handle needs of its client. */
export interface JobMethods {
  watchJob(jobId: string, options?: WatchOptions): AsyncGenerator<JobEvent, void, void>;
  job(id: string): Promise<Job | null>;
  cancel(jobId: string): Promise<Job>;
  retry(jobId: string): Promise<JobHandle>;
}

export function createJobHandle(client: JobMethods, url: string, job: Job): JobHandle {
  const { id, seed, warnings } = job;
  return {
    id,
    job,
    seed,
    warnings,
    events: (options) => client.watchJob(id, options),
    frames: (options) => framesOf(client.watchJob(id, { previews: true, ...options }), options),
    async result(options = {}) {
      if (job.finishedAt !== null) return outcome(job);
      for await (const event of client.watchJob(id, { afterSeq: job.lastSeq, ...options })) {
        if (event.__typename === 'JobFinished') return outcome(event.job);
      }
      options.signal?.throwIfAborted();
      throw new UnreachableError(url);
    },
    cancel: () => client.cancel(id),
    retry: () => client.retry(id),
    async reload() {
      return (await client.job(id)) ?? job;
    },
  };
}

/** The job if it succeeded. Throws JobFailedError or JobCanceledError. */
function outcome(job: Job): Job {
  switch (job.status) {
    case 'SUCCEEDED':
      return job;
    case 'CANCELED':
      throw new JobCanceledError(job);
    case 'FAILED':
    case 'QUEUED':
    case 'RUNNING':
      throw new JobFailedError(job);
  }
}

async function* framesOf(events: AsyncGenerator<JobEvent, void, void>, { candidate, drafts = false }: FrameOptions = {}): AsyncGenerator<Frame, void, void> {
  // After a crash of the server the job begins again and brings the same frames again.
  const shown = new Map<number, number>();
  for await (const event of events) {
    if (event.__typename !== 'FramesDecoded' || (candidate !== undefined && event.candidate !== candidate)) continue;
    for (const frame of event.frames) {
      if (frame.index < (shown.get(event.candidate) ?? 0) || !(event.final || drafts)) continue;
      if (event.final) shown.set(event.candidate, frame.index + 1);
      yield { ...frame, candidate: event.candidate, final: event.final };
    }
  }
}
