/** Turns a clip's growing codes into frames: each complete latent frame once, and previews of the one being made. */
import type { RawFrame } from '../core/generation.ts';
import { toRawFrames, type DecoderState, type VideoDecoder } from '../models/video-decoder.ts';

export interface ClipFrames {
  /** Index in the clip of the first of `frames`. */
  readonly firstFrame: number;
  readonly frames: readonly RawFrame[];
  readonly final: boolean;
}

/** `codes` `[total, 2]`, of which the first `done` positions are valid. */
export interface GrowingCodes {
  readonly codes: Int32Array;
  readonly done: number;
  readonly total: number;
}

export class ClipStream {
  readonly clip: GrowingCodes;
  readonly #decoder: VideoDecoder;
  readonly #frameSize: number;
  /** State after the committed latent frames. A preview starts from it and throws its own away. */
  #state: DecoderState;
  /** Latent frames decoded for good. */
  #committed = 0;
  /** Latent frame that had its preview. */
  #previewed = -1;

  constructor(clip: GrowingCodes, decoder: VideoDecoder) {
    const [, height, width] = decoder.config.grid;
    this.clip = clip;
    this.#decoder = decoder;
    this.#frameSize = height * width;
    this.#state = decoder.initialState();
  }

  /** Every latent frame of the clip is decoded. */
  get complete(): boolean {
    return this.#committed * this.#frameSize === this.clip.total;
  }

  /** Decodes the next latent frame if it is complete. */
  async next(): Promise<ClipFrames | undefined> {
    const end = (this.#committed + 1) * this.#frameSize;
    if (this.clip.done < end) return undefined;
    const latent = this.#committed;
    const codes = this.clip.codes.slice(2 * (end - this.#frameSize), 2 * end);
    const { pixels, state } = await this.#decoder.decode(codes, this.#state);
    this.#state = state;
    this.#committed += 1;
    return { ...this.#cut(pixels, latent), final: true };
  }

  /** A preview of the unfinished latent frame, once per latent frame, when at least half of it is there. None while the decoder is busy: previews never queue. */
  async preview(): Promise<ClipFrames | undefined> {
    const latent = this.#committed;
    const known = this.clip.done - latent * this.#frameSize;
    if (this.#decoder.busy || this.#previewed === latent || known >= this.#frameSize || 2 * known < this.#frameSize) return undefined;
    this.#previewed = latent;
    const { pixels } = await this.#decoder.decode(this.#guess(latent, known), this.#state);
    return { ...this.#cut(pixels, latent), final: false };
  }

  /** Codes of a latent frame of which `known` positions exist; the rest is the frame before, or in the first one the last whole row again. */
  #guess(latent: number, known: number): Int32Array {
    const [, , width] = this.#decoder.config.grid;
    const begin = latent * this.#frameSize;
    const codes = new Int32Array(2 * this.#frameSize);
    for (let i = 0; i < this.#frameSize; i += 1) {
      const source = i < known ? begin + i : latent > 0 ? begin - this.#frameSize + i : repeatedRow(i, known, width);
      codes[2 * i] = this.clip.codes[2 * source] as number;
      codes[2 * i + 1] = this.clip.codes[2 * source + 1] as number;
    }
    return codes;
  }

  /** A clip's first latent frame holds one frame of its own, the last of its four; the others are the repeats before the start. */
  #cut(pixels: Float32Array, latent: number): Omit<ClipFrames, 'final'> {
    const { width, height, framesPerLatent } = this.#decoder.config;
    const frames = toRawFrames(pixels, width, height, latent === 0 ? framesPerLatent - 1 : 0);
    return { firstFrame: latent === 0 ? 0 : 1 + framesPerLatent * (latent - 1), frames };
  }
}

/** Position in the last whole row of `known` raster positions with the column of `i`; the last known one if no row is whole. */
function repeatedRow(i: number, known: number, width: number): number {
  const wholeRows = Math.floor(known / width);
  return wholeRows === 0 ? known - 1 : (wholeRows - 1) * width + (i % width);
}
