import { untilDatabase } from '../db/until-database.ts';
import type { ErrorCode } from '../errors.ts';
import type { GenerationEvent, RawFrame } from '../inference/core/generation.ts';
import { encodeWav } from '../media/wav.ts';
import type { Media } from '../media/media.ts';
import type { WarningRecord } from '../services/contract.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { SoundPart } from './sound-collector.ts';
import type { Attempt, JobStore } from './job-store.ts';

/** How long a running job waits for Postgres to come back before the run is given up, in ms. */
export const DATABASE_DEADLINE_MS = 30_000;

type Tokens = Extract<GenerationEvent, { type: 'tokens' }>;

/** Writes what happens in a run into its event stream. All methods throw {@link Fenced} or CancelRequested. Owner: one run. */
export class RunRecorder {
  readonly #run: Attempt;
  readonly #store: JobStore;
  readonly #media: Media;
  readonly #signal: AbortSignal;

  constructor(run: Attempt, store: JobStore, media: Media, signal: AbortSignal) {
    this.#run = run;
    this.#store = store;
    this.#media = media;
    this.#signal = signal;
  }

  started(tokensTotal: number, executionProvider: string, warnings: readonly WarningRecord[]): Promise<void> {
    return this.#steady(() => this.#store.append(this.#run, { type: 'JobStarted', tokensTotal, executionProvider }, { tokensTotal, executionProvider, warnings }));
  }

  /** `before`: tokens of the job's earlier requests; `total`: of all of them. */
  tokens({ tokensDone, tokensPerSecond }: Tokens, before: number, total: number): Promise<void> {
    const done = before + tokensDone;
    const rest = (1000 * (total - done)) / tokensPerSecond;
    const progress = { tokensDone: done, tokensTotal: total, tokensPerSecond, etaMs: Number.isFinite(rest) ? Math.round(rest) : null };
    return this.#steady(() => this.#store.append(this.#run, { type: 'TokensGenerated', ...progress }, progress));
  }

  async frames(candidate: number, firstFrame: number, frames: readonly RawFrame[], final: boolean): Promise<void> {
    const previews = await Promise.all(frames.map(async (frame, offset) => ({ index: firstFrame + offset, ...(await this.#media.preview(frame)) })));
    const shown = previews.map(({ index, width, height }) => ({ index, width, height }));
    return this.#steady(() => this.#store.append(this.#run, { type: 'FramesDecoded', candidate, firstFrame, frames: shown, final }, {}, previews));
  }

  /** `startMs`: where the sound begins within what the job's events count. */
  sound(candidate: number, { first, samples }: SoundPart, sampleRateHz: number, startMs: number): Promise<void> {
    const ms = (count: number): number => Math.round((1000 * count) / sampleRateHz);
    const payload = { type: 'AudioDecoded' as const, candidate, startMs: startMs + ms(first), durationMs: ms(first + samples.length) - ms(first) };
    return this.#steady(() => this.#store.append(this.#run, payload, {}, [], encodeWav(samples, sampleRateHz)));
  }

  text(candidate: number, text: string): Promise<void> {
    return this.#steady(() => this.#store.append(this.#run, { type: 'TextDecoded', candidate, text }));
  }

  /** What is made can be gone on from after a crash. */
  checkpoint(checkpoint: Checkpoint): Promise<void> {
    return this.#steady(() => this.#store.saveCheckpoint(this.#run, checkpoint));
  }

  shotStarted(shot: number, shots: number, prompt: string, warnings?: readonly WarningRecord[]): Promise<void> {
    return this.#steady(() => this.#store.append(this.#run, { type: 'ShotStarted', shot, shots, prompt }, warnings === undefined ? {} : { warnings }));
  }

  shotFailed(shot: number, code: ErrorCode, message: string, warnings: readonly WarningRecord[]): Promise<void> {
    return this.#steady(() => this.#store.append(this.#run, { type: 'ShotFailed', shot, code, message }, { warnings }));
  }

  #steady(work: () => Promise<void>): Promise<void> {
    return untilDatabase(work, { deadlineMs: DATABASE_DEADLINE_MS, signal: this.#signal });
  }
}
