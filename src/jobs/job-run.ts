import { untilDatabase } from '../db/until-database.ts';
import { framesOf } from '../inference/core/clip-length.ts';
import type { GenerationRequest, ModelTask } from '../inference/core/generation.ts';
import { AssetReader } from './asset-reader.ts';
import { ClipCollector } from './clip-collector.ts';
import { type ClipPlan, planClip } from './clip-plan.ts';
import { cutFrames } from './cut-frames.ts';
import { runFilm } from './film-run.ts';
import type { Attempt } from './job-store.ts';
import { composePrompt } from './prompt.ts';
import type { JobRunDeps, RunContext } from './run-context.ts';
import { DATABASE_DEADLINE_MS, RunRecorder } from './run-recorder.ts';
import { isCancel } from './stop.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * One attempt of one job: from the inference process' stream to stored events and, at the end, stored assets.
 * A canceled one ends with what was decoded so far. Throws what inference throws, the signal's reason, {@link Fenced}, or a database fault that outlasted its deadline.
 */
export async function runJob(run: Attempt, deps: JobRunDeps, signal: AbortSignal): Promise<void> {
  const info = await untilAborted(deps.inference.ready(), signal);
  const reader = new AssetReader({ ...deps, bundle: info.bundle, ownerId: run.ownerId, requestId: `${run.jobId}:${run.attempt}`, signal });
  const context = { ...deps, info, reader, recorder: new RunRecorder(run, deps.store, deps.media, signal), signal };
  if (run.task === 'FILM') return runFilm(run, context);
  const plan = await planned(run, run.task, context);
  return plan === undefined ? untilDatabase(() => deps.store.cancel(run, []), { deadlineMs: DATABASE_DEADLINE_MS }) : runClip(run, run.task, plan, context);
}

/** Undefined when the job was canceled while its sources were read. */
async function planned(run: Attempt, task: ModelTask, { reader, info, signal }: RunContext): Promise<ClipPlan | undefined> {
  try {
    return await untilAborted(planClip(task, run.input, reader, info.bundle), signal);
  } catch (error) {
    if (isCancel(signal.aborted ? signal.reason : error)) return undefined;
    throw error;
  }
}

async function runClip(run: Attempt, task: ModelTask, plan: ClipPlan, context: RunContext): Promise<void> {
  const { store, info: { bundle }, media, signal } = context;
  const frameCount = framesOf(plan.source.latents, bundle) - plan.skip;
  const clips = new ClipCollector(run.candidates, { media, still: task === 'TEXT_TO_IMAGE', frameCount, fps: bundle.fps });
  const request = {
    id: `${run.jobId}:${run.attempt}`, task, prompt: composePrompt(run.input), seed: run.seed, candidates: run.candidates, sampling: run.sampling, source: plan.source,
  };
  try {
    const { tokensTotal, codes } = await follow(request, plan, clips, context);
    const made = await untilAborted(clips.results(), signal);
    const results = made.map((each, candidate) => ({ candidate, shot: null, media: each, partial: false, parents: plan.parents, tokens: tokensOf(codes.get(candidate), plan, bundle.codec) }));
    signal.throwIfAborted();
    await untilDatabase(() => store.succeed(run, results, tokensTotal), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  } catch (error) {
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    const kept = (await clips.partial()).map(clip => ({ ...clip, shot: null, parents: plan.parents, tokens: undefined }));
    return untilDatabase(() => store.cancel(run, kept), { deadlineMs: DATABASE_DEADLINE_MS });
  }
}

/** Runs the request to its end; each event is stored before the next is read. */
async function follow(request: GenerationRequest, plan: ClipPlan, clips: ClipCollector, { inference, recorder, reader, signal }: RunContext): Promise<{ readonly tokensTotal: number; readonly codes: ReadonlyMap<number, Int32Array> }> {
  const codes = new Map<number, Int32Array>();
  let tokensTotal = 0;
  for await (const event of inference.generate(request, signal)) {
    signal.throwIfAborted();
    switch (event.type) {
      case 'started':
        tokensTotal = event.tokensTotal;
        await recorder.started(tokensTotal, event.executionProvider, [...reader.warnings, ...event.warnings]);
        break;
      case 'tokens':
        await recorder.tokens(event, 0, tokensTotal);
        break;
      case 'window':
        await recorder.shotStarted(event.index, event.count, request.prompt);
        break;
      case 'frames': {
        const { candidate, final } = event;
        const { firstFrame, frames } = cutFrames(event, plan);
        if (frames.length === 0) break;
        if (final) clips.add(candidate, firstFrame, frames);
        await recorder.frames(candidate, firstFrame, frames, final);
        break;
      }
      case 'codes':
        codes.set(event.candidate, event.codes);
        break;
      case 'finished':
        break;
      default:
        throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
    }
  }
  return { tokensTotal, codes };
}

function tokensOf(codes: Int32Array | undefined, { skip, compose }: ClipPlan, codec: string) {
  return codes === undefined ? undefined : { codec, skip, exact: compose === undefined, codes };
}
