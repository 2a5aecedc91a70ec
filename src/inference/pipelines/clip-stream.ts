/** Turns a clip's growing codes into frames: each complete latent frame once, and previews of the one being made. */
import type { RawFrame } from '../core/generation.ts';
import type { SuperResolution } from '../models/super-resolution.ts';
import { toRawFrames, type DecoderState, type VideoDecoder } from '../models/video-decoder.ts';
import { Enlarging } from './enlarging.ts';

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
  /** Where the decoded frames go before they are given out, and how many times as wide and high they become. */
  readonly #enlarging: Enlarging | undefined;
  readonly #scale: number;
  /** State after the committed latent frames. A preview starts from it and throws its own away. */
  #state: DecoderState;
  /** Latent frames decoded for good. */
  #committed = 0;
  /** Latent frames given out. */
  #given = 0;
  /** Latent frame that had its preview. */
  #previewed = -1;

  constructor(clip: GrowingCodes, decoder: VideoDecoder, enlarger?: SuperResolution) {
    const [, height, width] = decoder.config.grid;
    this.clip = clip;
    this.#decoder = decoder;
    this.#frameSize = height * width;
    this.#enlarging = enlarger === undefined ? undefined : new Enlarging(enlarger);
    this.#scale = enlarger?.config.scale ?? 1;
    this.#state = decoder.initialState();
  }

  /** Every latent frame of the clip is given out. */
  get complete(): boolean {
    return this.#given * this.#frameSize === this.clip.total;
  }

  /** The next latent frame, if it is there: decoded, and enlarged where that was asked for. Only the last ones are waited for. */
  async next(): Promise<ClipFrames | undefined> {
    const pixels = this.#enlarging === undefined ? await this.#decode() : await this.#enlarged(this.#enlarging);
    if (pixels === undefined) return undefined;
    this.#given += 1;
    return { ...this.#cut(pixels, this.#given - 1, this.#scale), final: true };
  }

  async #enlarged(enlarging: Enlarging): Promise<Float32Array | undefined> {
    while (!enlarging.full) {
      const pixels = await this.#decode();
      if (pixels === undefined) break;
      enlarging.push(pixels);
    }
    return await enlarging.take(enlarging.full || this.clip.done === this.clip.total);
  }

  /** Pixels of the next latent frame if its codes are complete. */
  async #decode(): Promise<Float32Array | undefined> {
    const end = (this.#committed + 1) * this.#frameSize;
    if (this.clip.done < end) return undefined;
    const codes = this.clip.codes.slice(2 * (end - this.#frameSize), 2 * end);
    const { pixels, state } = await this.#decoder.decode(codes, this.#state);
    this.#state = state;
    this.#committed += 1;
    return pixels;
  }

  /** A preview of the unfinished latent frame, once per latent frame, when at least half of it is there. None while the decoder is busy: previews never queue. */
  async preview(): Promise<ClipFrames | undefined> {
    const latent = this.#committed;
    const known = this.clip.done - latent * this.#frameSize;
    if (this.#decoder.busy || this.#previewed === latent || known >= this.#frameSize || 2 * known < this.#frameSize) return undefined;
    this.#previewed = latent;
    const { pixels } = await this.#decoder.decode(this.#guess(latent, known), this.#state);
    const { firstFrame, frames } = this.#cut(pixels, latent, 1);
    return { firstFrame, frames: frames.map((frame) => repeated(frame, this.#scale)), final: false };
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
  #cut(pixels: Float32Array, latent: number, scale: number): Omit<ClipFrames, 'final'> {
    const { width, height, framesPerLatent } = this.#decoder.config;
    const frames = toRawFrames(pixels, width * scale, height * scale, latent === 0 ? framesPerLatent - 1 : 0);
    return { firstFrame: latent === 0 ? 0 : 1 + framesPerLatent * (latent - 1), frames };
  }
}

/** Every pixel `scale` times in both directions: as large as the final frames, for a preview. */
function repeated(frame: RawFrame, scale: number): RawFrame {
  if (scale === 1) return frame;
  const [width, height] = [frame.width * scale, frame.height * scale];
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(y / scale) * frame.width;
    for (let x = 0; x < width; x += 1) {
      const from = 3 * (row + Math.floor(x / scale));
      rgb.set(frame.rgb.subarray(from, from + 3), 3 * (y * width + x));
    }
  }
  return { width, height, rgb };
}

/** Position in the last whole row of `known` raster positions with the column of `i`; the last known one if no row is whole. */
function repeatedRow(i: number, known: number, width: number): number {
  const wholeRows = Math.floor(known / width);
  return wholeRows === 0 ? known - 1 : (wholeRows - 1) * width + (i % width);
}
