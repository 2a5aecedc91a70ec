import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBatchInvariant } from '../../../../src/inference/engine/batch-invariance.ts';
import type { CacheView } from '../../../../src/inference/core/cache-view.ts';
import type { DecodeOutput, LanguageModel } from '../../../../src/inference/models/language-model.ts';
import type { StepInput } from '../../../../src/inference/tokenizers/video-grid.ts';
import { openTinyInference, type TinyInference } from '../../../support/inference.ts';

let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** The real model with the last bit of one logit of one row flipped in batches of one size: a kernel that depends on its shape. */
function withFlippedBit(model: LanguageModel, rows: number, row: number): LanguageModel {
  const decode = async (input: StepInput, lengths: Int32Array, cache: CacheView): Promise<DecodeOutput> => {
    const { logits, hidden } = await model.decode(input, lengths, cache);
    if (cache.rows !== rows) return { logits, hidden };
    const flipped = logits.slice();
    const bits = new Int32Array(flipped.buffer);
    const at = row * model.config.outputSize + 40;
    bits[at] = (bits[at] as number) ^ 1;
    return { logits: flipped, hidden };
  };
  return { config: model.config, prefill: model.prefill.bind(model), decode, head: model.head.bind(model) } as unknown as LanguageModel;
}

describe('batch invariance', () => {
  it('holds for the unchanged model, found the same twice', async () => {
    const first = await isBatchInvariant(tiny.bundle.manifest, tiny.models.language, 8);
    expect(await isBatchInvariant(tiny.bundle.manifest, tiny.models.language, 8)).toBe(first);
  });

  it.each([
    [3, 0],
    [5, 4],
    [7, 3],
    [8, 7],
  ])('is refuted by one bit in batches of %d at row %d', async (rows, row) => {
    expect(await isBatchInvariant(tiny.bundle.manifest, withFlippedBit(tiny.models.language, rows, row), 8)).toBe(false);
  });
});
