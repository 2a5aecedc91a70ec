/** Draws codes with the random number of their place: whichever step or run draws it, a position of a clip meets the same one. */
import type { Sequence } from '../core/sequence.ts';
import { CounterRandom } from '../sampling/philox.ts';
import { Sampler } from '../sampling/sampler.ts';

/** Each kind of draw has random numbers of its own. */
export const STREAM = { a: 0, b: 1, audio: 2, text: 3 } as const;

export class CodeDrawer {
  readonly #sampler: Sampler;

  /** `widest`: the longest row that is drawn from. */
  constructor(widest: number) {
    this.#sampler = new Sampler(widest);
  }

  /** The index drawn for `position` from the legal logits `[n]` of the sequence's rows, conditional first. */
  draw({ input }: Sequence, position: number, stream: number, rows: readonly Float32Array[]): number {
    const uniform = new CounterRandom(input.seed, input.candidate).uniform((input.firstPosition ?? 0) + position, stream);
    return this.#sampler.sample(rows[0] as Float32Array, rows[1], input.sampling, uniform);
  }
}
