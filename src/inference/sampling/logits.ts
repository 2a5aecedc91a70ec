/** Logits processors: what happens to a row of logits before a token is drawn. */
import type { OutputRange } from '../core/task-spec.ts';

/** Task mask: the legal entries of a row `[V]`, a view. Everything outside the range can never be drawn. */
export function legalLogits(row: Float32Array, range: OutputRange): Float32Array {
  return row.subarray(range.start, range.start + range.size);
}

/**
 * Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598) in logit space: `uncond + guidance * (cond - uncond)`.
 * Writes `out[0, n)`. Without an unconditional row the conditional one passes through.
 */
export function guide(conditional: Float32Array, unconditional: Float32Array | undefined, guidance: number, out: Float64Array): void {
  for (let i = 0; i < conditional.length; i += 1) {
    const cond = conditional[i] as number;
    const uncond = unconditional?.[i] ?? cond;
    out[i] = unconditional === undefined ? cond : uncond + guidance * (cond - uncond);
  }
}

/** Index of the largest of `values[0, n)`, the first of equals. */
export function argmax(values: Float64Array, n: number): number {
  let best = 0;
  for (let i = 1; i < n; i += 1) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/** An entry this far below the largest, in units of the temperature, weighs nothing: less than the rounding of the others' sum. */
const NOTHING = -40;

/** Softmax weights `exp((logit - largest) / temperature)` in place over `values[0, n)`, not normalised. Returns their sum. */
export function toWeights(values: Float64Array, n: number, largest: number, temperature: number): number {
  let sum = 0;
  for (let i = 0; i < n; i += 1) {
    const below = ((values[i] as number) - largest) / temperature;
    const weight = below < NOTHING ? 0 : Math.exp(below);
    values[i] = weight;
    sum += weight;
  }
  return sum;
}
