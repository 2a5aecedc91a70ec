/**
 * Computes what a sequence is given at its beginning (a picture, the end of a clip) in one run for each row, instead of one step for each position: the
 * same entries of the cache within 1e-6, since nothing is drawn there. It works in a slot of its own.
 */
import type { PrefixCache } from '../core/cache-view.ts';
import type { Sequence } from '../core/sequence.ts';
import { KvCache } from '../kv-cache/kv-cache.ts';
import type { CacheShape } from '../kv-cache/slots.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { TokenLayout } from '../tokenizers/token-layout.ts';

export class LeadRunner {
  readonly #model: LanguageModel;
  readonly #layout: TokenLayout;
  readonly #slot: KvCache<never>;

  constructor(model: LanguageModel, shape: CacheShape, layout: TokenLayout) {
    this.#model = model;
    this.#layout = layout;
    this.#slot = new KvCache({ ...shape, slots: 1, spare: 0 });
  }

  /** `prefix`, and after it the entries of what `sequence` is given. A bundle without the graph for it, or a sequence without anything to draw, steps instead. */
  async extend(sequence: Sequence, prefix: PrefixCache): Promise<PrefixCache> {
    const { lead, total } = sequence;
    const { output } = sequence.input;
    if (!this.#model.runsGiven || lead === 0 || lead === total) return prefix;
    const told = this.#layout.empty(lead);
    for (let position = 0; position < lead; position += 1) {
      output.describe(position, told, position);
      // What comes next looks at it; the engine appends the same code once the rows are in their slots.
      output.take(position, sequence.givenAt(position) ?? 0);
    }
    this.#slot.write(0, prefix);
    await this.#model.given(told, prefix.length, this.#slot.view(0, 1));
    return this.#slot.read(0, prefix.length + lead);
  }
}
