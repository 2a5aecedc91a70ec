import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN } from '../../src/inference/core/generation.ts';
import { KvCache } from '../../src/inference/kv-cache/kv-cache.ts';
import { VideoGrid } from '../../src/inference/tokenizers/video-grid.ts';
import { GREEDY, makeSequence, openEngine, openTinyInference, runToEnd, type TinyInference } from '../support/inference.ts';
import { Golden, relativeError } from '../support/inference-golden.ts';

const TOLERANCE = 1e-3;
const golden = new Golden();
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

describe('prefix', () => {
  it.each(golden.file.prompts.filter(({ prompt }) => prompt !== ''))('of "$prompt" has the rows that training used', ({ prompt, task, prefixRows, unconditionalRows }) => {
    const { prefixes } = makeSequence(tiny, { prompt, task }).input;
    expect(prefixes).toEqual([prefixRows, unconditionalRows]);
  });
});

describe('graphs against PyTorch', () => {
  it('prefill gives the same keys and values', async () => {
    const { keys, values } = await tiny.models.language.prefill(golden.prompt(0).prefixRows);
    keys.forEach((layer, l) => expect(relativeError(layer, golden.tensor(`prefill.key_${l}`))).toBeLessThan(TOLERANCE));
    values.forEach((layer, l) => expect(relativeError(layer, golden.tensor(`prefill.value_${l}`))).toBeLessThan(TOLERANCE));
  });

  it('24 forced steps give the same rows, logits, hidden states and second logits', async () => {
    const { layers, kvHeads, maxLength, headDim, outputSize, width } = tiny.bundle.manifest.languageModel;
    const { prefixRows } = golden.prompt(0);
    const cache = new KvCache<string>({ slots: 1, layers, kvHeads, maxLength, headDim });
    cache.write(0, await tiny.models.language.prefill(prefixRows));
    const codes = golden.tensor('forced.codes') as Int32Array;
    const grid = new VideoGrid(tiny.bundle.manifest);
    const condition = (golden.tensor('forced.condition') as Int32Array).map((code) => (code === grid.nullCode ? UNKNOWN : code));
    const [, second] = tiny.bundle.manifest.video.subCodebooks;
    for (let step = 0; step < golden.file.steps; step += 1) {
      const input = grid.emptyInput(1);
      grid.write({ codes, condition }, step, input, 0);
      for (const [name, ids] of [['row_ids', input.rowIds], ['code_ids', input.codeIds]] as const) {
        expect([...ids].map(Number)).toEqual([...golden.tensor(`forced.${name}`).subarray(step * ids.length, (step + 1) * ids.length)]);
      }
      const { logits, hidden } = await tiny.models.language.decode(input, Int32Array.of(prefixRows.length + step), cache.view(0, 1));
      const logitsB = await tiny.models.language.head(hidden, BigInt64Array.of(BigInt(codes[2 * step] as number)));
      expect(relativeError(logits, golden.tensor('forced.logits').subarray(step * outputSize, (step + 1) * outputSize))).toBeLessThan(TOLERANCE);
      expect(relativeError(hidden, golden.tensor('forced.hidden').subarray(step * width, (step + 1) * width))).toBeLessThan(TOLERANCE);
      expect(relativeError(logitsB, golden.tensor('forced.logits_b').subarray(step * second, (step + 1) * second))).toBeLessThan(TOLERANCE);
    }
  });
});

describe.each([true, false])('greedy tokens, deterministic clips share a batch: %s', (batchInvariant) => {
  it.each([
    { name: 'greedy.video', prompt: 0, guidance: 1 },
    { name: 'greedy.guided', prompt: 0, guidance: golden.file.guidance },
    { name: 'greedy.guided.second', prompt: 1, guidance: golden.file.guidance },
    { name: 'greedy.image', prompt: 2, guidance: 1 },
  ])('$name is what PyTorch drew', async ({ name, prompt, guidance }) => {
    const engine = openEngine(tiny, { batchInvariant });
    const sequence = makeSequence(tiny, { ...golden.prompt(prompt), sampling: { ...GREEDY, guidance } });
    await runToEnd(engine, sequence);
    expect([...sequence.codes]).toEqual([...golden.tensor(`${name}.codes`)]);
    await engine.close();
  });

  it('what is generated between given tokens, with a view of those ahead, is what PyTorch drew', async () => {
    const grid = new VideoGrid(tiny.bundle.manifest);
    const known = (golden.tensor('inpainted.known') as Int32Array).map((code) => (code === grid.nullCode ? UNKNOWN : code));
    const engine = openEngine(tiny, { batchInvariant });
    const settings = { prompt: golden.prompt(0).prompt, sampling: { ...GREEDY, guidance: golden.file.guidance } };
    const sequence = makeSequence(tiny, { ...settings, task: 'INPAINT_VIDEO', forced: known, condition: known });
    const blind = makeSequence(tiny, { ...settings, task: 'INPAINT_VIDEO', forced: known });
    await runToEnd(engine, sequence, blind);
    expect([...sequence.codes]).toEqual([...golden.tensor('greedy.inpainted.codes')]);
    expect([...blind.codes], 'the condition grid tells the model something').not.toEqual([...sequence.codes]);
    await engine.close();
  });
});
