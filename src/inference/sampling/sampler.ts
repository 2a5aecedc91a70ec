/** Draws one token from the logits of a sequence's rows: guidance, temperature, top-k, top-p, inverse CDF. */
import type { SamplingParams } from '../core/generation.ts';
import { argmax, guide, toWeights } from './logits.ts';
import { selectNucleus, selectTopK } from './partial-selection.ts';

export class Sampler {
  readonly #weights: Float64Array;
  readonly #order: Int32Array;
  readonly #kept: Uint8Array;

  /** `size`: the longest row that will be sampled. */
  constructor(size: number) {
    this.#weights = new Float64Array(size);
    this.#order = new Int32Array(size);
    this.#kept = new Uint8Array(size);
  }

  /**
   * Index drawn from `conditional` `[n]`, guided away from `unconditional` `[n]` when there is one. `uniform` in [0, 1).
   * Temperature 0 is argmax. The filters apply in this order: temperature, top-k, top-p over what top-k kept.
   */
  sample(conditional: Float32Array, unconditional: Float32Array | undefined, params: SamplingParams, uniform: number): number {
    const n = conditional.length;
    guide(conditional, unconditional, params.guidance, this.#weights);
    const best = argmax(this.#weights, n);
    const largest = this.#weights[best] as number;
    if (!Number.isFinite(largest)) throw new Error('the language model returned logits that are not finite');
    if (params.temperature === 0) return best;
    const total = toWeights(this.#weights, n, largest, params.temperature);
    return this.#draw(n, uniform, this.#filter(n, total, params));
  }

  /** Marks what top-k and top-p keep; returns the weight of the kept entries. */
  #filter(n: number, total: number, { topK, topP }: SamplingParams): number {
    const k = topK > 0 && topK < n ? topK : n;
    if (k === n && topP >= 1) {
      this.#kept.fill(1, 0, n);
      return total;
    }
    const candidates = k < n ? this.#heaviest(n, k) : this.#above(((1 - topP) * total) / (2 * n), n);
    const count = topP < 1 ? selectNucleus(this.#order, candidates, this.#weights, topP * (k < n ? this.#weightOf(k) : total)) : k;
    this.#kept.fill(0, 0, n);
    for (let at = 0; at < count; at += 1) this.#kept[this.#order[at] as number] = 1;
    return this.#weightOf(count);
  }

  /** Puts the `k` heaviest entries in front; returns `k`. */
  #heaviest(n: number, k: number): number {
    for (let i = 0; i < n; i += 1) this.#order[i] = i;
    selectTopK(this.#order, n, this.#weights, k);
    return k;
  }

  /** Puts entries of at least `weight` in front; returns how many. All others together have less than `n` times that: too little to be in a nucleus that leaves out twice as much. */
  #above(weight: number, n: number): number {
    let count = 0;
    for (let i = 0; i < n; i += 1) {
      if ((this.#weights[i] as number) < weight) continue;
      this.#order[count] = i;
      count += 1;
    }
    return count;
  }

  #weightOf(count: number): number {
    let sum = 0;
    for (let at = 0; at < count; at += 1) sum += this.#weights[this.#order[at] as number] as number;
    return sum;
  }

  /** Inverse CDF over the kept entries in index order. */
  #draw(n: number, uniform: number, mass: number): number {
    let left = uniform * mass;
    let last = 0;
    for (let i = 0; i < n; i += 1) {
      if (this.#kept[i] === 0) continue;
      last = i;
      left -= this.#weights[i] as number;
      if (left < 0) return i;
    }
    return last;
  }
}
