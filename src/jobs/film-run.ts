import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError, type ErrorCode } from '../errors.ts';
import { durationOf, framesOf } from '../inference/core/clip-length.ts';
import type { RawFrame } from '../inference/core/generation.ts';
import { encodeClip } from './clip-collector.ts';
import { sizeOf } from './clip-plan.ts';
import { type FilmShot, planShots, type ShotPlan } from './film-plan.ts';
import { cutFrames } from './cut-frames.ts';
import type { Attempt } from './job-store.ts';
import { audioOf } from './audio-of.ts';
import { type MadeSound, makeSound, soundSource, trackOf, withTrack } from './make-sound.ts';
import { mayRunAgain } from './may-run-again.ts';
import { composePrompt } from './prompt.ts';
import type { RunContext } from './run-context.ts';
import { DATABASE_DEADLINE_MS } from './run-recorder.ts';
import { isCancel } from './stop.ts';

/** A shot that is there. */
interface Shot {
  readonly assetId: string;
  readonly frames: readonly RawFrame[];
  /** The codes of the shot and of what it continues; the shot's own frames come after `skip` others. */
  readonly codes: Int32Array;
  /** Its sound, when the film has one. */
  readonly samples: Float32Array | undefined;
}

interface Failure {
  readonly shot: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Makes the shots one after the other and stores each as soon as it is there, so that a second attempt goes on behind the last one; then joins
 * them. A shot that fails for good does not keep those from being made that do not continue it; the film fails at the end.
 */
export async function runFilm(run: Attempt, context: RunContext): Promise<void> {
  try {
    await new FilmRun(run, context).run();
  } catch (error) {
    const { signal, store } = context;
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    // The shots are stored; a film that lacks some is none.
    await untilDatabase(() => store.cancel(run, []), { deadlineMs: DATABASE_DEADLINE_MS });
  }
}

class FilmRun {
  readonly #run: Attempt;
  readonly #context: RunContext;
  readonly #shots: (Shot | undefined)[] = [];
  readonly #failures: Failure[] = [];
  #tokensDone = 0;
  /** Frames of the film before the shot that is being made. */
  #frames = 0;

  constructor(run: Attempt, context: RunContext) {
    this.#run = run;
    this.#context = context;
  }

  async run(): Promise<void> {
    const { info, recorder, reader, store, media, signal } = this.#context;
    const plans = planShots(this.#run.input['shots'] as readonly FilmShot[], this.#run.seed, this.#withAudio, info.bundle);
    const tokensTotal = plans.reduce((sum, { tokens, soundTokens }) => sum + tokens + soundTokens, 0);
    const stored = await store.shots(this.#run.jobId);
    await recorder.started(tokensTotal, info.executionProvider, reader.warnings);
    for (const plan of plans) {
      const assetId = stored.get(plan.index) ?? plan.assetId;
      this.#shots.push(await this.#attempt(plan, () => (assetId === undefined ? this.#make(plan, plans.length, tokensTotal) : this.#load(assetId))));
      this.#tokensDone += plan.tokens + plan.soundTokens;
      this.#frames += this.#shots.at(-1)?.frames.length ?? 0;
    }
    const [failure] = this.#failures;
    if (failure !== undefined) throw new CinegraphError(failure.code, this.#report(failure));
    const shots = this.#shots.filter(shot => shot !== undefined);
    const silent = await encodeClip(media, shots.flatMap(({ frames }) => [...frames]), info.bundle.fps);
    const film = this.#withAudio ? await withTrack(media, silent, trackOf(joined(shots), audioOf(info.bundle))) : silent;
    signal.throwIfAborted();
    const result = { candidate: 0, shot: null, media: film, partial: false, tokens: [], parents: shots.map(shot => shot.assetId) };
    await untilDatabase(() => store.succeed(this.#run, [result], tokensTotal), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  }

  /** Undefined when the shot failed for good. */
  async #attempt({ index, continues }: ShotPlan, make: () => Promise<Shot>): Promise<Shot | undefined> {
    const { recorder, reader, signal } = this.#context;
    try {
      if (continues && this.#shots[index - 1] === undefined) throw new CinegraphError('SHOT_FAILED', `It continues shot ${index}, which is missing.`);
      return await make();
    } catch (error) {
      if (signal.aborted || !(error instanceof CinegraphError) || mayRunAgain(error.code) || error.code === 'CANCELED') throw error;
      this.#failures.push({ shot: index, code: error.code, message: error.message });
      await recorder.shotFailed(index, error.code, error.message, reader.warnings);
      return undefined;
    }
  }

  #report({ shot, message }: Failure): string {
    const others = this.#failures.length - 1;
    return `Shot ${shot + 1} failed${others > 0 ? `, and ${others} more` : ''}: ${message} The others are kept: retryShot makes it again.`;
  }

  async #load(assetId: string): Promise<Shot> {
    const { reader, info } = this.#context;
    const clip = await reader.clip(assetId, { seenOnly: this.#withAudio });
    const frames = await reader.frames(assetId, clip, sizeOf(this.#run.input, info.bundle));
    return { assetId, frames, codes: clip.codes, samples: this.#withAudio ? await reader.samples(assetId, this.#samplesIn(frames.length)) : undefined };
  }

  async #make(plan: ShotPlan, count: number, tokensTotal: number): Promise<Shot> {
    const { inference, info: { bundle }, recorder, reader, media, store, signal } = this.#context;
    const { index, shot } = plan;
    const prompt = composePrompt(shot);
    const previous = plan.continues ? this.#shots[index - 1] : undefined;
    const { source, skip } = plan.source(previous?.codes);
    const frames: RawFrame[] = [];
    let codes: Int32Array | undefined;
    const resume = await untilDatabase(() => store.checkpoint(this.#run, index, bundle.digest), { deadlineMs: DATABASE_DEADLINE_MS, signal });
    const request = {
      resume, id: `${this.#run.jobId}:${this.#run.attempt}:${index}`, owner: this.#run.ownerId, task: previous === undefined ? ('TEXT_TO_VIDEO' as const) : ('EXTEND_VIDEO' as const),
      prompt, seed: plan.seed, candidates: 1, sampling: this.#run.sampling, source, upscale: this.#run.input['upscale'] === 'TWO',
    };
    for await (const event of inference.generate(request, signal)) {
      signal.throwIfAborted();
      if (event.type === 'started') {
        for (const { code, message } of event.warnings) reader.warn(code, `Shot ${index + 1}: ${message}`);
        await recorder.shotStarted(index, count, prompt, reader.warnings);
      }
      if (event.type === 'window' && event.made.length > 0) await recorder.checkpoint({ part: index, modelDigest: bundle.digest, codes: event.made });
      if (event.type === 'tokens') await recorder.tokens(event, this.#tokensDone, tokensTotal);
      if (event.type === 'codes') codes = event.codes;
      if (event.type === 'frames') {
        const own = cutFrames(event, { skip, compose: undefined });
        if (event.final) frames.push(...own.frames);
        if (own.frames.length > 0) await recorder.frames(0, this.#frames + own.firstFrame, own.frames, event.final);
      }
    }
    if (codes === undefined || frames.length !== framesOf(source.latents, bundle) - skip) throw new Error(`shot ${index} ended with ${frames.length} frames`);
    const encoded = await encodeClip(media, frames, bundle.fps);
    const sound = this.#withAudio ? await this.#makeSound(plan, { codes, latents: source.latents, skip }, tokensTotal) : undefined;
    const clip = sound === undefined ? encoded : await withTrack(media, encoded, trackOf(sound.samples, audioOf(bundle)));
    signal.throwIfAborted();
    const result = {
      candidate: null, shot: index, media: clip, partial: false,
      tokens: [{ kind: 'VIDEO' as const, codec: bundle.codec, skip, exact: true, codes }, ...(sound === undefined ? [] : [sound.tokens])], parents: previous === undefined ? [] : [previous.assetId],
    };
    const assetId = await untilDatabase(() => store.addShot(this.#run, result), { deadlineMs: DATABASE_DEADLINE_MS, signal });
    return { assetId, frames, codes, samples: sound?.samples };
  }

  #makeSound({ index, shot, seed, tokens }: ShotPlan, clip: Parameters<typeof soundSource>[0], total: number): Promise<MadeSound> {
    const { bundle } = this.#context.info;
    return makeSound({
      requestId: `${this.#run.jobId}:${this.#run.attempt}:${index}-sound`, owner: this.#run.ownerId, prompt: composePrompt(shot), seed, deterministic: this.#run.sampling.deterministic,
      candidate: 0, startMs: durationOf(this.#frames, bundle), share: { before: this.#tokensDone + tokens, total },
    }, soundSource(clip, bundle), this.#context);
  }

  get #withAudio(): boolean {
    return this.#run.input['withAudio'] === true;
  }

  #samplesIn(frames: number): number {
    const { bundle } = this.#context.info;
    return Math.round((frames * audioOf(bundle).sampleRate) / bundle.fps);
  }
}

function joined(shots: readonly Shot[]): Float32Array {
  const sounds = shots.map(({ samples }) => samples ?? new Float32Array(0));
  const all = new Float32Array(sounds.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sound of sounds) {
    all.set(sound, at);
    at += sound.length;
  }
  return all;
}
