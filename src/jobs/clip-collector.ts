import type { RawFrame } from '../inference/core/generation.ts';
import type { EncodedMedia, Media } from '../media/media.ts';

export interface CollectorOptions {
  readonly media: Media;
  /** One picture instead of a clip. */
  readonly still: boolean;
  readonly frameCount: number;
  readonly fps: number;
}

export interface CollectedClip {
  readonly candidate: number;
  readonly media: EncodedMedia;
  readonly partial: boolean;
}

/** Gathers the final frames of each candidate and encodes a candidate as soon as it is complete. Owner: one run. */
export class ClipCollector {
  readonly #frames: Map<number, RawFrame>[];
  readonly #results: (Promise<EncodedMedia> | undefined)[];
  readonly #options: CollectorOptions;

  constructor(candidates: number, options: CollectorOptions) {
    this.#frames = Array.from({ length: candidates }, () => new Map<number, RawFrame>());
    this.#results = Array.from({ length: candidates }, () => undefined);
    this.#options = options;
  }

  add(candidate: number, firstFrame: number, frames: readonly RawFrame[]): void {
    const clip = this.#frames[candidate];
    if (clip === undefined) throw new Error(`candidate ${candidate} was not asked for`);
    for (const [index, frame] of frames.entries()) clip.set(firstFrame + index, frame);
    if (clip.size < this.#options.frameCount || this.#results[candidate] !== undefined) return;
    const result = this.#encode(clip);
    result.catch(() => {}); // Awaited, and its error seen, in results().
    this.#results[candidate] = result;
  }

  /** All candidates, encoded. Throws when frames are missing, or INTERNAL when a clip cannot be encoded. */
  results(): Promise<EncodedMedia[]> {
    const { frameCount } = this.#options;
    return Promise.all(this.#results.map((result, candidate) => result ?? Promise.reject(new Error(`candidate ${candidate} ended with ${this.#frames[candidate]?.size ?? 0} of ${frameCount} frames`))));
  }

  /** What a canceled job has to show: complete candidates, and the beginning of the others as far as there is one without a gap. */
  async partial(): Promise<CollectedClip[]> {
    const results = await Promise.all(this.#frames.map(async (clip, candidate) => {
      const complete = this.#results[candidate];
      if (complete !== undefined) return { candidate, media: await complete, partial: false };
      const frames = beginning(clip);
      return frames.length === 0 ? undefined : { candidate, media: await this.#encode(new Map(frames.entries())), partial: true };
    }));
    return results.filter(result => result !== undefined);
  }

  async #encode(clip: ReadonlyMap<number, RawFrame>): Promise<EncodedMedia> {
    const { media, still, fps } = this.#options;
    const frames = [...clip.entries()].sort(([a], [b]) => a - b).map(([, frame]) => frame);
    const [first] = frames;
    return still && first !== undefined ? media.image(first) : encodeClip(media, frames, fps);
  }
}

/** An encoder process may have been killed under it: the frames are still here, so once more. */
export function encodeClip(media: Media, frames: readonly RawFrame[], fps: number): Promise<EncodedMedia> {
  return media.video(frames, fps).catch(() => media.video(frames, fps));
}

/** The frames from the first one on, up to the first that is missing. */
function beginning(clip: ReadonlyMap<number, RawFrame>): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let frame = clip.get(0); frame !== undefined; frame = clip.get(frames.length)) frames.push(frame);
  return frames;
}
