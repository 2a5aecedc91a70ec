import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN } from '../../src/inference/core/generation.ts';
import type { Prefix, StepInput } from '../../src/inference/core/step-input.ts';
import { STYLE_WORDS } from '../../src/inference/core/styles.ts';
import { Engine } from '../../src/inference/engine/engine.ts';
import { KvCache } from '../../src/inference/kv-cache/kv-cache.ts';
import type { LanguageModel } from '../../src/inference/models/language-model.ts';
import { openModels, type Models } from '../../src/inference/open-models.ts';
import { TokenLayout } from '../../src/inference/tokenizers/token-layout.ts';
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

const idsOf = ({ rowIds, codeIds, audioIds }: StepInput): Record<string, number[]> => ({ row_ids: [...rowIds].map(Number), code_ids: [...codeIds].map(Number), audio_ids: [...audioIds].map(Number) });
const goldenIds = (name: string): Record<string, number[]> => Object.fromEntries(['row_ids', 'code_ids', 'audio_ids'].map((ids) => [ids, [...golden.tensor(`${name}.${ids}`)]]));
/** Golden pairs of sub-tokens as codes. */
const codesOf = (name: string): Int32Array => {
  const [pairs, grid] = [golden.tensor(name), new VideoGrid(tiny.bundle.manifest)];
  return Int32Array.from({ length: pairs.length / 2 }, (_, i) => grid.join(pairs[2 * i] as number, pairs[2 * i + 1] as number));
};

describe('prefix', () => {
  it.each(golden.file.prompts.flatMap(({ prompt, task }, index) => (prompt === '' ? [] : [[prompt, task, index] as const])))('of "%s" is what training used', (prompt, task, index) => {
    const { prefixes } = makeSequence(tiny, { prompt, task }).input;
    expect(prefixes.map(idsOf)).toEqual([goldenIds(`prompt.${index}`), goldenIds(`unconditional.${index}`)]);
  });

  it('shows a clip, and a sound, as training did', () => {
    const { prompt } = golden.prompt(0);
    const [seen] = makeSequence(tiny, { prompt: '', task: 'VIDEO_TO_AUDIO', video: codesOf('greedy.video.codes') }).input.prefixes;
    const [heard] = makeSequence(tiny, { prompt, task: 'AUDIO_TO_VIDEO', sound: golden.tensor('sound.of_video') as Int32Array }).input.prefixes;
    expect([seen, heard].map((prefix) => idsOf(prefix as StepInput))).toEqual([goldenIds('prefix.of_video'), goldenIds('prefix.of_sound')]);
  });
});

it('names the styles in the words of the captions', () => {
  expect(STYLE_WORDS).toEqual(golden.file.styles);
});

describe('graphs against PyTorch', () => {
  const firstPrefix = (): Prefix => makeSequence(tiny, golden.prompt(0)).input.prefixes[0] as Prefix;

  it('prefill gives the same keys and values', async () => {
    const { keys, values } = await tiny.models.language.prefill(firstPrefix());
    keys.forEach((layer, l) => expect(relativeError(layer, golden.tensor(`prefill.key_${l}`))).toBeLessThan(TOLERANCE));
    values.forEach((layer, l) => expect(relativeError(layer, golden.tensor(`prefill.value_${l}`))).toBeLessThan(TOLERANCE));
  });

  it('24 forced steps give the same rows, logits, hidden states and second logits', async () => {
    const { layers, kvHeads, maxLength, headDim, outputSize, width } = tiny.bundle.manifest.languageModel;
    const prefix = firstPrefix();
    const cache = new KvCache<string>({ slots: 1, layers, kvHeads, maxLength, headDim });
    cache.write(0, await tiny.models.language.prefill(prefix));
    const codes = golden.tensor('forced.codes') as Int32Array;
    const grid = new VideoGrid(tiny.bundle.manifest);
    const condition = (golden.tensor('forced.condition') as Int32Array).map((code) => (code === grid.nullCode ? UNKNOWN : code));
    const [, second] = tiny.bundle.manifest.video.subCodebooks;
    for (let step = 0; step < golden.file.steps; step += 1) {
      const input = new TokenLayout(tiny.bundle.manifest).empty(1);
      grid.write({ codes, condition }, step, input, 0);
      for (const [name, ids] of [['row_ids', input.rowIds], ['code_ids', input.codeIds]] as const) {
        expect([...ids].map(Number)).toEqual([...golden.tensor(`forced.${name}`).subarray(step * ids.length, (step + 1) * ids.length)]);
      }
      const { logits, hidden } = await tiny.models.language.decode(input, Int32Array.of(prefix.length + step), cache.view(0, 1));
      const logitsB = await tiny.models.language.head(hidden, BigInt64Array.of(BigInt(codes[2 * step] as number)));
      expect(relativeError(logits, golden.tensor('forced.logits').subarray(step * outputSize, (step + 1) * outputSize))).toBeLessThan(TOLERANCE);
      expect(relativeError(hidden, golden.tensor('forced.hidden').subarray(step * width, (step + 1) * width))).toBeLessThan(TOLERANCE);
      expect(relativeError(logitsB, golden.tensor('forced.logits_b').subarray(step * second, (step + 1) * second))).toBeLessThan(TOLERANCE);
    }
  });
});

describe('on int8 caches', () => {
  let rounded: Models;
  beforeAll(async () => {
    rounded = await openModels(tiny.bundle, { provider: 'cpu', threads: 1, int8Cache: true });
  });
  afterAll(async () => await rounded.close());

  /** Logits of the forced steps; the last `ahead` of them in one run. */
  async function forcedLogits(language: LanguageModel, ahead: number): Promise<Float32Array[]> {
    const prefix = makeSequence(tiny, golden.prompt(0)).input.prefixes[0] as Prefix;
    const cache = new KvCache<string>({ slots: 1, ...language.rowShape });
    cache.write(0, await language.prefill(prefix));
    const codes = golden.tensor('forced.codes') as Int32Array;
    const grid = new VideoGrid(tiny.bundle.manifest);
    const condition = (golden.tensor('forced.condition') as Int32Array).map((code) => (code === grid.nullCode ? UNKNOWN : code));
    const told = (step: number, count: number): StepInput => {
      const input = new TokenLayout(tiny.bundle.manifest).empty(count);
      for (let row = 0; row < count; row += 1) grid.write({ codes, condition }, step + row, input, row);
      return input;
    };
    const found: Float32Array[] = [];
    for (let step = 0; step < golden.file.steps - ahead; step += 1) found.push((await language.decode(told(step, 1), Int32Array.of(prefix.length + step), cache.view(0, 1))).logits);
    const first = golden.file.steps - ahead;
    if (ahead > 0) found.push((await language.ahead(told(first, ahead), [{ count: ahead, length: prefix.length + first, cache: cache.view(0, 1) }])).logits);
    return found;
  }

  it('24 forced steps are within a few percent of PyTorch, and not what float32 caches give', async () => {
    const found = Float32Array.from((await forcedLogits(rounded.language, 0)).flatMap((logits) => [...logits]));
    const error = relativeError(found, golden.tensor('forced.logits'));
    expect(error).toBeLessThan(0.05);
    expect(error).toBeGreaterThan(TOLERANCE);
  });

  it('several positions in a run predict what as many steps do', async () => {
    const steps = Float32Array.from((await forcedLogits(rounded.language, 0)).slice(-8).flatMap((logits) => [...logits]));
    const run = (await forcedLogits(rounded.language, 8)).at(-1) as Float32Array;
    expect(relativeError(run, steps)).toBeLessThan(TOLERANCE);
  });

  it('a clip that begins with shared rows is the clip that computed them', async () => {
    const engine = new Engine(rounded.language, tiny.bundle.manifest, { maxRows: 4, maxWaiting: 8, batchInvariant: true, headInvariant: true });
    const clip = async (): Promise<number[]> => {
      const sequence = makeSequence(tiny, { ...golden.prompt(0), sampling: { ...GREEDY, guidance: 1 } });
      await runToEnd(engine, sequence);
      return [...sequence.codes];
    };
    const first = await clip();
    expect(await clip()).toEqual(first);
    await engine.close();
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

  it('a clip that follows a control video is what PyTorch drew, with nothing given', async () => {
    const control = golden.tensor('stylized.control') as Int32Array;
    const engine = openEngine(tiny, { batchInvariant });
    const settings = { prompt: 'as a pencil sketch', task: 'STYLIZE_VIDEO', sampling: { ...GREEDY, guidance: golden.file.guidance } } as const;
    const sequence = makeSequence(tiny, { ...settings, condition: control });
    const blind = makeSequence(tiny, settings);
    await runToEnd(engine, sequence, blind);
    expect([...sequence.codes]).toEqual([...golden.tensor('greedy.stylized.codes')]);
    expect([...blind.codes], 'the control video tells the model something').not.toEqual([...sequence.codes]);
    await engine.close();
  });

  it.each([
    ['sound.of_video', 'VIDEO_TO_AUDIO'],
    ['sound.of_text', 'TEXT_TO_AUDIO'],
    ['text.of_video', 'VIDEO_TO_TEXT'],
    ['text.of_sound', 'AUDIO_TO_TEXT'],
    ['video.of_sound', 'AUDIO_TO_VIDEO'],
  ] as const)('%s is what PyTorch drew, beside a clip', async (name, task) => {
    const engine = openEngine(tiny, { batchInvariant });
    const { prompt } = golden.prompt(0);
    const sampling = { ...GREEDY, guidance: golden.file.guidance };
    const source = {
      ...(task.startsWith('VIDEO') ? { video: codesOf('greedy.video.codes') } : {}),
      ...(task.startsWith('AUDIO') ? { sound: golden.tensor('sound.of_video') as Int32Array } : {}),
    };
    const sequence = makeSequence(tiny, { prompt: task === 'TEXT_TO_AUDIO' ? prompt : '', task, ...source, sampling });
    const clip = makeSequence(tiny, { ...golden.prompt(0), sampling });
    await runToEnd(engine, sequence, clip);
    expect([...sequence.codes]).toEqual([...golden.tensor(name)]);
    expect([...clip.codes], 'the clip beside it').toEqual([...golden.tensor('greedy.guided.codes')]);
    await engine.close();
  });
});

describe('the audio codec', () => {
  it('gives the samples and codes that PyTorch gave, whole and in parts', async () => {
    const { audio } = tiny.models;
    if (audio === undefined) throw new Error('no sound');
    const codes = golden.tensor('sound.of_video') as Int32Array;
    const expected = golden.tensor('sound.samples') as Float32Array;
    const whole = await audio.decode(codes, audio.initialState());
    expect(relativeError(whole.samples, expected)).toBeLessThan(TOLERANCE);
    expect([...(await audio.encode(expected))]).toEqual([...golden.tensor('sound.encoded')]);
    const parts: number[] = [];
    let state = audio.initialState();
    for (let at = 0; at < codes.length; at += 7 * audio.config.levels) {
      const part = await audio.decode(codes.slice(at, at + 7 * audio.config.levels), state);
      ({ state } = part);
      parts.push(...part.samples);
    }
    expect(Buffer.from(Float32Array.from(parts).buffer).equals(Buffer.from(Float32Array.from(whole.samples).buffer))).toBe(true);
  });
});
