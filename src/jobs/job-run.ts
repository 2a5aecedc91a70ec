import type { Database } from '../db/database.ts';
import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError } from '../errors.ts';
import { framesOf, nearestLatents } from '../inference/core/clip-length.ts';
import type { GenerationEvent, GenerationTask, InferenceClient, ModelTask } from '../inference/core/generation.ts';
import type { EncodedMedia, Media } from '../media/media.ts';
import { ClipCollector } from './clip-collector.ts';
import type { Attempt, JobStore } from './job-store.ts';
import { composePrompt } from './prompt.ts';
import { isCancel } from './stop.ts';

/** How long a running job waits for Postgres to come back before the run is given up, in ms. */
const DATABASE_DEADLINE_MS = 30_000;

export interface JobRunDeps {
  readonly database: Database;
  readonly store: JobStore;
  readonly inference: InferenceClient;
  readonly media: Media;
}

/**
 * One attempt of one job: from the inference process' stream to stored events and, at the end, stored assets.
 * A canceled one ends with what was decoded so far. Throws what inference throws, the signal's reason, {@link Fenced}, or a database fault that outlasted its deadline.
 */
export async function runJob(run: Attempt, { store, inference, media }: JobRunDeps, signal: AbortSignal): Promise<void> {
  const { bundle } = await untilAborted(inference.ready(), signal);
  const latents = run.task === 'TEXT_TO_IMAGE' ? 1 : nearestLatents(run.input['durationMs'] as number, bundle);
  const clips = new ClipCollector(run.candidates, { media, task: run.task, frameCount: framesOf(latents, bundle), fps: bundle.fps });
  const steady = <T>(work: () => Promise<T>): Promise<T> => untilDatabase(work, { deadlineMs: DATABASE_DEADLINE_MS, signal });
  const request = {
    id: `${run.jobId}:${run.attempt}`, task: modelTask(run.task), prompt: composePrompt(run.input), seed: run.seed, candidates: run.candidates, sampling: run.sampling,
    source: { latents, codes: new Int32Array(0) },
  };
  let tokensTotal = 0;
  let results: EncodedMedia[];
  try {
    for await (const event of inference.generate(request, signal)) {
      signal.throwIfAborted();
      if (event.type === 'started') tokensTotal = event.tokensTotal;
      if (event.type === 'frames' && event.final) clips.add(event.candidate, event.firstFrame, event.frames);
      await record(run, event, media, store, steady);
    }
    results = await untilAborted(clips.results(), signal);
  } catch (error) {
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    const kept = await clips.partial();
    return untilDatabase(() => store.cancel(run, kept), { deadlineMs: DATABASE_DEADLINE_MS });
  }
  signal.throwIfAborted();
  await steady(() => store.succeed(run, results, tokensTotal));
}

async function record(run: Attempt, event: GenerationEvent, media: Media, store: JobStore, steady: <T>(work: () => Promise<T>) => Promise<T>): Promise<void> {
  switch (event.type) {
    case 'started': {
      const { tokensTotal, executionProvider, warnings } = event;
      return steady(() => store.append(run, { type: 'JobStarted', tokensTotal, executionProvider }, { tokensTotal, executionProvider, warnings }));
    }
    case 'tokens': {
      const { tokensDone, tokensTotal, tokensPerSecond } = event;
      const etaMs = Number.isFinite(event.etaMs) ? Math.round(event.etaMs) : null;
      return steady(() => store.append(run, { type: 'TokensGenerated', tokensDone, tokensTotal, tokensPerSecond, etaMs }, { tokensDone, tokensTotal, tokensPerSecond, etaMs }));
    }
    case 'frames': {
      const { candidate, firstFrame, final } = event;
      const previews = await Promise.all(event.frames.map(async (frame, offset) => ({ index: firstFrame + offset, ...(await media.preview(frame)) })));
      const frames = previews.map(({ index, width, height }) => ({ index, width, height }));
      return steady(() => store.append(run, { type: 'FramesDecoded', candidate, firstFrame, frames, final }, {}, previews));
    }
    case 'window':
    case 'codes':
    case 'finished':
      return;
    default:
      throw new CinegraphError('INTERNAL', `unknown event ${JSON.stringify(event satisfies never)}`);
  }
}

function modelTask(task: GenerationTask): ModelTask {
  if (task === 'FILM') throw new CinegraphError('TASK_NOT_SUPPORTED');
  return task;
}

/** The promise's value, or the signal's reason as soon as it is aborted. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
