/** One clip's way through super-resolution: latent frames go in as they are decoded and come out large, in order, while others are made and decoded. */
import type { EnlargedFrames, SuperResolution } from '../models/super-resolution.ts';

/** Latent frames on their way at most: each holds a few MB. */
const MOST_PENDING = 4;

interface Pending {
  readonly result: Promise<EnlargedFrames>;
  ended: boolean;
}

/** Owner: one clip's stream. */
export class Enlarging {
  readonly #model: SuperResolution;
  readonly #pending: Pending[] = [];
  #last: Promise<EnlargedFrames> | undefined;

  constructor(model: SuperResolution) {
    this.#model = model;
  }

  /** No more may be pushed before the oldest is taken. */
  get full(): boolean {
    return this.#pending.length >= MOST_PENDING;
  }

  /** Begins to enlarge the next latent frame, `[4, 3, height, width]`. */
  push(pixels: Float32Array): void {
    const before = this.#last;
    const entry: Pending = { result: this.#enlarge(pixels, before), ended: false };
    const end = (): void => void (entry.ended = true);
    entry.result.then(end, end); // Its error is seen by whoever takes it.
    this.#pending.push(entry);
    this.#last = entry.result;
  }

  /** The pixels of the oldest latent frame: when they are there, or when `wait`. */
  async take(wait: boolean): Promise<Float32Array | undefined> {
    const [oldest] = this.#pending;
    if (oldest === undefined || (!wait && !oldest.ended)) return undefined;
    this.#pending.shift();
    return (await oldest.result).pixels;
  }

  async #enlarge(pixels: Float32Array, before: Promise<EnlargedFrames> | undefined): Promise<EnlargedFrames> {
    return await this.#model.enlarge(pixels, before === undefined ? this.#model.initialState() : (await before).state);
  }
}
