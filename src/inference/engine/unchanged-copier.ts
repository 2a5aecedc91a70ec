/**
 * Goes on with what does not change: video repeats itself, and more than half of all codes are those of the latent frame before. Where everything
 * round a position stands still, its code is copied and the model does not run. Approximate: the position's keys and values are those of the same place one latent
 * frame before, turned on to where they now stand (rotary positions are turned, values are not).
 */
import type { HostView } from '../core/cache-view.ts';
import type { Sequence } from '../core/sequence.ts';
import type { CacheShape } from '../kv-cache/slots.ts';
import { VideoOutput } from '../tokenizers/video-output.ts';
import type { VideoGrid } from '../tokenizers/video-grid.ts';

/** docs/BUNDLE.md, "Language model". */
const ROTARY_BASE = 10_000;
/** Whether a place stood still is known from two latent frames before. */
const FIRST_LATENT = 2;

export class UnchangedCopier {
  readonly #grid: VideoGrid;
  readonly #shape: CacheShape;
  /** Of the turn by one latent frame, `[hd / 2]`. */
  readonly #cos: Float32Array;
  readonly #sin: Float32Array;

  constructor(shape: CacheShape, grid: VideoGrid) {
    this.#grid = grid;
    this.#shape = shape;
    const angles = Float64Array.from({ length: shape.headDim / 2 }, (_, i) => grid.frameSize * ROTARY_BASE ** ((-2 * i) / shape.headDim));
    this.#cos = Float32Array.from(angles, Math.cos);
    this.#sin = Float32Array.from(angles, Math.sin);
  }

  /**
   * Codes of the positions after the one whose `code` was just drawn, as far as they are copied; writes their entries into the cache. `rows`: the sequence's
   * slots. Clips alone, where nothing is given for the position or shown of it.
   */
  copy(sequence: Sequence, code: number, rows: HostView): number[] {
    const { output, prefixes } = sequence.input;
    if (!(output instanceof VideoOutput) || output.condition !== undefined) return [];
    // The engine appends the same codes after the step.
    output.take(sequence.done, code);
    const copied: number[] = [];
    for (let position = sequence.done + 1; position < output.total && sequence.givenAt(position) === undefined && this.isUnchanged(output.codes, position); position += 1) {
      const before = position - this.#grid.frameSize;
      const same = this.#grid.join(output.codes[2 * before] as number, output.codes[2 * before + 1] as number);
      prefixes.forEach(({ length }, row) => this.#turn(rows, row, length + before, length + position));
      output.take(position, same);
      copied.push(same);
    }
    return copied;
  }

  /**
   * Whether the places left of and above `position` have the codes of the latent frame before, and the place itself, those right of it and below it had there those of the one
   * before that. `codes` `[positions, 2]`, known before `position`. Outside of the picture nothing changes.
   */
  isUnchanged(codes: Int32Array, position: number): boolean {
    const { t, y, x } = this.#grid.coordinates(position);
    if (t < FIRST_LATENT) return false;
    const stood = (latent: number, dy: number, dx: number): boolean => {
      if (y + dy < 0 || y + dy >= this.#grid.height || x + dx < 0 || x + dx >= this.#grid.width) return true;
      const place = latent * this.#grid.frameSize + (y + dy) * this.#grid.width + x + dx;
      const before = place - this.#grid.frameSize;
      return codes[2 * place] === codes[2 * before] && codes[2 * place + 1] === codes[2 * before + 1];
    };
    return stood(t, 0, -1) && stood(t, -1, 0) && stood(t - 1, 0, 0) && stood(t - 1, 0, 1) && stood(t - 1, 1, 0);
  }

  /** Entry `from` of a row becomes entry `to`, one latent frame later, in every layer and head. */
  #turn({ keys, values }: HostView, row: number, from: number, to: number): void {
    const { kvHeads, maxLength, headDim } = this.#shape;
    const half = headDim / 2;
    for (const [layer, side] of keys.entries()) {
      for (let head = 0; head < kvHeads; head += 1) {
        const start = (row * kvHeads + head) * maxLength * headDim;
        const [source, target] = [start + from * headDim, start + to * headDim];
        values[layer]?.copyWithin(target, source, source + headDim);
        for (let i = 0; i < half; i += 1) {
          const [a, b, cos, sin] = [side[source + i] as number, side[source + half + i] as number, this.#cos[i] as number, this.#sin[i] as number];
          side[target + i] = a * cos - b * sin;
          side[target + half + i] = b * cos + a * sin;
        }
      }
    }
  }
}
