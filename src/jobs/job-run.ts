import { untilDatabase } from '../db/until-database.ts';
import { framesOf } from '../inference/core/clip-length.ts';
import { MAX_SEED } from '../inference/core/generation.ts';
import { soundTokens } from '../inference/core/sound-windows.ts';
import { AssetReader } from './asset-reader.ts';
import type { AssetTokens } from './asset-tokens.ts';
import { ClipCollector } from './clip-collector.ts';
import { type ClipPlan, type ClipTask, planClip } from './clip-plan.ts';
import { cutFrames } from './cut-frames.ts';
import { runFilm } from './film-run.ts';
import { follow } from './follow.ts';
import type { Attempt } from './job-store.ts';
import { audioOf } from './audio-of.ts';
import { type MadeSound, makeSound, soundSource, trackOf, withTrack } from './make-sound.ts';
import { composePrompt } from './prompt.ts';
import type { JobRunDeps, RunContext } from './run-context.ts';
import { DATABASE_DEADLINE_MS, RunRecorder } from './run-recorder.ts';
import { runSound } from './sound-run.ts';
import { isCancel } from './stop.ts';
import { runText } from './text-run.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * One attempt of one job: from the inference process' stream to stored events and, at the end, stored assets.
 * A canceled one ends with what was decoded so far. Throws what inference throws, the signal's reason, {@link Fenced}, or a database fault that outlasted its deadline.
 */
export async function runJob(run: Attempt, deps: JobRunDeps, signal: AbortSignal): Promise<void> {
  const info = await untilAborted(deps.inference.ready(), signal);
  const reader = new AssetReader({ ...deps, bundle: info.bundle, ownerId: run.ownerId, requestId: `${run.jobId}:${run.attempt}`, signal });
  const context = { ...deps, info, reader, recorder: new RunRecorder(run, deps.store, deps.media, signal), signal };
  switch (run.task) {
    case 'FILM':
      return runFilm(run, context);
    case 'TEXT_TO_AUDIO':
    case 'VIDEO_TO_AUDIO':
      return runSound(run, run.task, context);
    case 'VIDEO_TO_TEXT':
    case 'AUDIO_TO_TEXT':
      return runText(run, run.task, context);
    default: {
      const plan = await planned(run, run.task, context);
      return plan === undefined ? untilDatabase(() => deps.store.cancel(run, []), { deadlineMs: DATABASE_DEADLINE_MS }) : runClip(run, run.task, plan, context);
    }
  }
}

/** Undefined when the job was canceled while its sources were read. */
async function planned(run: Attempt, task: ClipTask, { reader, info, signal }: RunContext): Promise<ClipPlan | undefined> {
  try {
    return await untilAborted(planClip(task, run.input, reader, info.bundle), signal);
  } catch (error) {
    if (isCancel(signal.aborted ? signal.reason : error)) return undefined;
    throw error;
  }
}

async function runClip(run: Attempt, task: ClipTask, plan: ClipPlan, context: RunContext): Promise<void> {
  const { store, info: { bundle }, media, signal } = context;
  const frameCount = framesOf(plan.source.latents, bundle) - plan.skip;
  const clips = new ClipCollector(run.candidates, { media, still: task === 'TEXT_TO_IMAGE', frameCount, fps: bundle.fps });
  try {
    const { codes, sounds, tokensTotal } = await followClip(run, task, plan, clips, context);
    context.generated();
    const made = await untilAborted(clips.results(), signal);
    const results = made.map(async (clip, candidate) => {
      const sound = sounds[candidate];
      const track = sound === undefined ? plan.heard?.track : trackOf(sound.samples, audioOf(bundle));
      return {
        candidate, shot: null, partial: false, parents: plan.parents, media: track === undefined ? clip : await withTrack(media, clip, track),
        tokens: [...clipTokens(codes.get(candidate), plan, bundle.codec), ...(sound === undefined ? [] : [sound.tokens])],
      };
    });
    const stored = await untilAborted(Promise.all(results), signal);
    signal.throwIfAborted();
    await untilDatabase(() => store.succeed(run, stored, tokensTotal), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  } catch (error) {
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    const kept = (await clips.partial()).map(clip => ({ ...clip, shot: null, parents: plan.parents, tokens: [] }));
    return untilDatabase(() => store.cancel(run, kept), { deadlineMs: DATABASE_DEADLINE_MS });
  }
}

interface FollowedClip {
  readonly codes: ReadonlyMap<number, Int32Array>;
  /** By candidate; none unless they were asked for. */
  readonly sounds: readonly MadeSound[];
  readonly tokensTotal: number;
}

/** The clips, then their sounds, one after the other. */
async function followClip(run: Attempt, task: ClipTask, plan: ClipPlan, clips: ClipCollector, context: RunContext): Promise<FollowedClip> {
  const { store, info: { bundle }, recorder, reader, signal } = context;
  const { source, heard, control } = plan;
  const prompt = plan.prompt ?? composePrompt(run.input);
  const withAudio = run.input['withAudio'] === true;
  const soundEach = withAudio ? soundTokens(source.latents, { ...bundle, audio: audioOf(bundle) }) : 0;
  // Known when the first event comes.
  const share = { before: 0, total: 0 };
  const resume = await untilDatabase(() => store.checkpoint(run, 0, bundle.digest), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  const request = {
    id: `${run.jobId}:${run.attempt}`, owner: run.ownerId, task, resume, prompt, seed: run.seed, candidates: run.candidates, sampling: run.sampling, source, upscale: run.input['upscale'] === 'TWO',
    ...(heard === undefined ? {} : { sound: heard.codes }), ...(control === undefined ? {} : { control }),
  };
  const codes = await follow(request, {
    started: event => {
      share.total = event.tokensTotal + run.candidates * soundEach;
      return recorder.started(share.total, event.executionProvider, [...reader.warnings, ...event.warnings]);
    },
    window: async ({ index, count, made }) => {
      if (made.length > 0) await recorder.checkpoint({ part: 0, modelDigest: bundle.digest, codes: made });
      await recorder.shotStarted(index, count, prompt);
    },
    frames: async ({ candidate, final, ...event }) => {
      const { firstFrame, frames } = cutFrames(event, plan);
      if (frames.length === 0) return;
      if (final) clips.add(candidate, firstFrame, frames);
      await recorder.frames(candidate, firstFrame, frames, final);
    },
  }, share, context);
  const { total } = share;
  const sounds: MadeSound[] = [];
  for (let candidate = 0; candidate < (withAudio ? run.candidates : 0); candidate++) {
    const made = { codes: codes.get(candidate) ?? new Int32Array(0), latents: source.latents, skip: plan.skip };
    sounds.push(await makeSound({
      requestId: `${run.jobId}:${run.attempt}:sound-${candidate}`, owner: run.ownerId, prompt, seed: (run.seed + candidate) % (MAX_SEED + 1), deterministic: run.sampling.deterministic,
      candidate, startMs: 0, share: { before: total - (run.candidates - candidate) * soundEach, total },
    }, soundSource(made, bundle), context));
  }
  return { codes, sounds, tokensTotal: total };
}

function clipTokens(codes: Int32Array | undefined, { skip, compose }: ClipPlan, codec: string): AssetTokens[] {
  return codes === undefined ? [] : [{ kind: 'VIDEO', codec, skip, exact: compose === undefined, codes }];
}
