import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfCheck } from '../../../../src/inference/engine/self-check.ts';
import type { LanguageModel } from '../../../../src/inference/models/language-model.ts';
import { GraphSession } from '../../../../src/inference/runtime/graph-session.ts';
import { floatTensor, int64Tensor } from '../../../../src/inference/runtime/tensors.ts';
import { openTinyInference, TINY_BUNDLE, type TinyInference } from '../../../support/inference.ts';

let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** The real model with some of its methods replaced. */
function changed(changes: Partial<Pick<LanguageModel, 'prefill' | 'decode' | 'head'>>): LanguageModel {
  const model = tiny.models.language;
  return { config: model.config, rowShape: model.rowShape, prefill: model.prefill.bind(model), decode: model.decode.bind(model), head: model.head.bind(model), audioHead: model.audioHead.bind(model), textHead: model.textHead.bind(model), deviceRows: model.deviceRows.bind(model), ...changes } as unknown as LanguageModel;
}

describe('self-check', () => {
  it('passes on the tiny bundle', async () => {
    const check = await selfCheck(tiny.bundle.manifest, tiny.models);
    expect(check.logits).toHaveLength(2 * tiny.bundle.manifest.languageModel.outputSize);
  });

  it('refuses a decode step that writes a copy of the cache', async () => {
    const model = changed({
      decode: async (input, lengths, cache) => {
        if ('device' in cache) throw new Error('the cache is not in this process');
        const copy = { ...cache, keys: cache.keys.map((layer) => layer.slice()), values: cache.values.map((layer) => layer.slice()) };
        return await tiny.models.language.decode(input, lengths, copy);
      },
    });
    await expect(selfCheck(tiny.bundle.manifest, { ...tiny.models, language: model })).rejects.toThrow(/did not write the cache in place/);
  });

  it('refuses NaN', async () => {
    const model = changed({ head: async (hidden, a) => (await tiny.models.language.head(hidden, a)).fill(NaN) });
    await expect(selfCheck(tiny.bundle.manifest, { ...tiny.models, language: model })).rejects.toThrow(/lm-head returned values that are not finite/);
  });
});

describe('running in place', () => {
  it('refuses a graph without the sentinel, because its outputs were copied', async () => {
    const session = await GraphSession.open(`${TINY_BUNDLE}/lm-head.onnx`, { provider: 'cpu', threads: 1 });
    const feeds = { hidden: floatTensor(new Float32Array(64), [1, 64]), a: int64Tensor(new BigInt64Array(1), [1]) };
    await expect(session.runInPlace(feeds, { logits_b: floatTensor(new Float32Array(20), [1, 20]) })).rejects.toThrow(/outputs were copied/);
    await session.close();
  });

  it('passes on an error of the run itself', async () => {
    const session = await GraphSession.open(`${TINY_BUNDLE}/lm-head.onnx`, { provider: 'cpu', threads: 1 });
    await expect(session.runInPlace({ hidden: floatTensor(new Float32Array(3), [1, 3]), a: int64Tensor(new BigInt64Array(1), [1]) }, {})).rejects.toThrow(/hidden|dimension/i);
    await session.close();
  });
});
