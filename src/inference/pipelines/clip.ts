/** One candidate's clip while it grows: what is known of it, and the codes made so far. */
import { UNKNOWN } from '../core/generation.ts';
import type { Sequence } from '../core/sequence.ts';
import type { VideoGrid } from '../tokenizers/video-grid.ts';
import type { Window } from '../core/windows.ts';

const NOTHING = new Int32Array(0);

export class Clip {
  readonly candidate: number;
  /** `[positions, 2]`; the first `done` positions are valid. */
  readonly codes: Int32Array;
  readonly total: number;
  /** Positions from the beginning on that are there. */
  done = 0;
  readonly #known: Int32Array;
  readonly #condition: Int32Array;
  readonly #grid: VideoGrid;

  /**
   * `known`: a code per position, `UNKNOWN` where one is to be made. `made`: the codes of the first positions, where they have been made before.
   * `condition`: a code per position that the model may see beside its own output; what is known, unless something else is given.
   */
  constructor(candidate: number, known: Int32Array, grid: VideoGrid, made: Int32Array = NOTHING, condition: Int32Array = known) {
    this.candidate = candidate;
    this.total = known.length;
    this.codes = new Int32Array(2 * known.length);
    this.#known = known;
    this.#condition = condition;
    this.#grid = grid;
    const whole = knownLatents(known, grid.frameSize) * grid.frameSize;
    for (let position = 0; position < whole; position += 1) this.#append(grid.split(known[position] as number));
    for (const code of made.subarray(whole)) this.#append(grid.split(code));
  }

  /** What a sequence over the window is given: what was made before it, and what is known. */
  forced(window: Window): Int32Array {
    const first = window.start * this.#grid.frameSize;
    return Int32Array.from({ length: window.latents * this.#grid.frameSize }, (_, i) => (first + i < this.done ? this.#codeAt(first + i) : (this.#known[first + i] as number)));
  }

  /** What the model may see of the window beside its own output. */
  condition(window: Window): Int32Array {
    const { frameSize } = this.#grid;
    return this.#condition.slice(window.start * frameSize, (window.start + window.latents) * frameSize);
  }

  /** Takes over what the window's sequence has made since the last call. */
  take(sequence: Sequence, window: Window): void {
    const first = window.start * this.#grid.frameSize;
    while (this.done < first + sequence.done) {
      const at = 2 * (this.done - first);
      this.#append([sequence.codes[at] as number, sequence.codes[at + 1] as number]);
    }
  }

  /** All codes as one number each. */
  joined(): Int32Array {
    return Int32Array.from({ length: this.done }, (_, position) => this.#codeAt(position));
  }

  #codeAt(position: number): number {
    return this.#grid.join(this.codes[2 * position] as number, this.codes[2 * position + 1] as number);
  }

  #append([a, b]: readonly [number, number]): void {
    this.codes[2 * this.done] = a;
    this.codes[2 * this.done + 1] = b;
    this.done += 1;
  }
}

/** Latent frames at the beginning of which nothing is unknown. */
export function knownLatents(known: Int32Array, frameSize: number): number {
  const unknown = known.indexOf(UNKNOWN);
  return Math.floor((unknown < 0 ? known.length : unknown) / frameSize);
}
