import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInvariance } from '../../../../src/inference/engine/batch-invariance.ts';
import type { CacheView } from '../../../../src/inference/core/cache-view.ts';
import type { DecodeOutput, LanguageModel } from '../../../../src/inference/models/language-model.ts';
import type { StepInput } from '../../../../src/inference/core/step-input.ts';
import { makeSequence, openEngine, openTinyInference, runToEnd, type TinyInference } from '../../../support/inference.ts';

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
  return { config: model.config, rowShape: model.rowShape, prefill: model.prefill.bind(model), decode, head: model.head.bind(model), audioHead: model.audioHead.bind(model), textHead: model.textHead.bind(model), deviceRows: model.deviceRows.bind(model) } as unknown as LanguageModel;
}

/** The real model with a head whose result for a row depends on the row's place in the batch. */
function withMovingHead(model: LanguageModel): LanguageModel {
  const head = async (hidden: Float32Array, a: BigInt64Array): Promise<Float32Array> => {
    const logits = await model.head(hidden, a);
    const width = logits.length / a.length;
    return logits.map((value, i) => value + Math.floor(i / width) * ((i % 7) - 3));
  };
  return { config: model.config, rowShape: model.rowShape, prefill: model.prefill.bind(model), decode: model.decode.bind(model), head, audioHead: model.audioHead.bind(model), textHead: model.textHead.bind(model), deviceRows: model.deviceRows.bind(model) } as unknown as LanguageModel;
}

describe('batch invariance', () => {
  it('holds for the unchanged model, found the same twice', async () => {
    const first = await findInvariance(tiny.bundle.manifest, tiny.models.language, 8);
    expect(await findInvariance(tiny.bundle.manifest, tiny.models.language, 8)).toEqual(first);
  });

  it.each([
    [4, 0],
    [4, 3],
    [6, 4],
    [8, 7],
  ])('is refuted by one bit in batches of %d at row %d', async (rows, row) => {
    expect(await findInvariance(tiny.bundle.manifest, withFlippedBit(tiny.models.language, rows, row), 8)).toEqual({ batchInvariant: false, headInvariant: false });
  });

  it('of the steps holds beside a head that depends on its batch', async () => {
    expect(await findInvariance(tiny.bundle.manifest, withMovingHead(tiny.models.language), 8)).toEqual({ batchInvariant: true, headInvariant: false });
  });
});

describe('a head that depends on its batch', () => {
  it('does not change a deterministic clip among neighbours', async () => {
    const inference = { ...tiny, models: { ...tiny.models, language: withMovingHead(tiny.models.language) } };
    const codesBeside = async (neighbours: number): Promise<number[]> => {
      const engine = openEngine(inference, { headInvariant: false });
      const others = Array.from({ length: neighbours }, (_, i) => makeSequence(inference, { seed: i, sampling: { deterministic: false, guidance: 1 } }));
      const clip = makeSequence(inference, { seed: 42 });
      await runToEnd(engine, ...others, clip);
      await engine.close();
      return [...clip.codes];
    };
    const alone = await codesBeside(0);
    expect(await codesBeside(3)).toEqual(alone);
  });
});
