import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PrefixCache } from '../../../../src/inference/core/cache-view.ts';
import { UNKNOWN } from '../../../../src/inference/core/generation.ts';
import type { Sequence } from '../../../../src/inference/core/sequence.ts';
import { LeadRunner } from '../../../../src/inference/engine/lead-runner.ts';
import { KvCache } from '../../../../src/inference/kv-cache/kv-cache.ts';
import type { LanguageModel } from '../../../../src/inference/models/language-model.ts';
import type { Prefix } from '../../../../src/inference/core/step-input.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import { makeSequence, openEngine, openTinyInference, runToEnd, type SequenceSettings, type TinyInference } from '../../../support/inference.ts';

const POSITIONS = 80;
const LEAD = 20;

let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** The first `lead` codes given, and perhaps others after a gap. */
function givenCodes(lead: number, after = 0): Int32Array {
  return Int32Array.from({ length: POSITIONS }, (_, i) => (i < lead || i >= POSITIONS - after ? (i * 137) % 1280 : UNKNOWN));
}

/** The model, counting the steps of its decode graph; without the graph for given positions on demand. */
function counted(model: LanguageModel, runsGiven: boolean): { readonly language: LanguageModel; readonly steps: () => number } {
  let steps = 0;
  const language = new Proxy(model, {
    get(target, name) {
      if (name === 'runsGiven') return runsGiven && target.runsGiven;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'decode') steps += 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { language, steps: () => steps };
}

async function generate(settings: SequenceSettings, runsGiven: boolean): Promise<{ readonly codes: number[]; readonly steps: number }> {
  const { language, steps } = counted(tiny.models.language, runsGiven);
  const engine = openEngine({ ...tiny, models: { ...tiny.models, language } });
  const sequence = makeSequence(tiny, settings);
  await runToEnd(engine, sequence);
  engine.checkIntegrity();
  await engine.close();
  return { codes: [...sequence.codes], steps: steps() };
}

describe('what a sequence is given', () => {
  it('has the entries that steps would write, in one run', async () => {
    const { languageModel } = tiny.bundle.manifest;
    const { layers, kvHeads, maxLength, headDim } = languageModel;
    const shape = { slots: 1, layers, kvHeads, maxLength, headDim };
    const layout = new TokenLayout(tiny.bundle.manifest);
    const condition = Int32Array.from({ length: POSITIONS }, (_, i) => (i % 3 === 0 ? UNKNOWN : (i * 11) % 1280));
    const inpainted = (): Sequence => makeSequence(tiny, { task: 'INPAINT_VIDEO', forced: givenCodes(LEAD), condition });
    const sequence = inpainted();
    const prefix = await tiny.models.language.prefill(sequence.input.prefixes[0] as Prefix);
    const found = await new LeadRunner(tiny.models.language, shape, layout).extend(sequence, prefix);
    expect(found.length).toBe(prefix.length + LEAD);
    const expected = await inSteps(inpainted(), prefix, layout, new KvCache<never>(shape));
    for (const side of ['keys', 'values'] as const) {
      for (const [layer, values] of found[side].entries()) {
        const worst = values.reduce((max, value, i) => Math.max(max, Math.abs(value - (expected[side][layer]?.[i] ?? NaN))), 0);
        expect(worst).toBeLessThan(1e-4);
      }
    }
  });

  it.each([
    ['nothing', givenCodes(0)],
    ['a beginning', givenCodes(LEAD)],
    ['a beginning and an end', givenCodes(LEAD, 16)],
    ['everything', givenCodes(POSITIONS)],
  ])('leads to the same clip with fewer steps: %s', async (_, forced) => {
    const settings = { task: 'EXTEND_VIDEO', forced, sampling: { temperature: 0 } } as const;
    const [fast, slow] = [await generate(settings, true), await generate(settings, false)];
    expect(fast.codes).toEqual(slow.codes);
    const lead = forced.indexOf(UNKNOWN);
    expect(slow.steps - fast.steps).toBe(Math.max(0, lead));
  });

  it('is the same for a second candidate, which takes the rows of the first', async () => {
    const engine = openEngine(tiny);
    const settings = { task: 'EXTEND_VIDEO', forced: givenCodes(LEAD), seed: 5 } as const;
    const first = makeSequence(tiny, settings);
    const again = makeSequence(tiny, settings);
    await runToEnd(engine, first);
    const { prefixHits } = engine.usage;
    await runToEnd(engine, again);
    expect(engine.usage.prefixHits).toBeGreaterThan(prefixHits);
    expect(again.codes).toEqual(first.codes);
    await engine.close();
  });
});

/** The same entries by steps of one row. */
async function inSteps(sequence: Sequence, prefix: PrefixCache, layout: TokenLayout, cache: KvCache<never>): Promise<PrefixCache> {
  cache.write(0, prefix);
  while (sequence.nextGiven !== undefined) {
    const told = layout.empty(1);
    sequence.input.output.describe(sequence.done, told, 0);
    await tiny.models.language.decode(told, Int32Array.of(prefix.length + sequence.done), cache.view(0, 1));
    sequence.append(sequence.nextGiven);
  }
  return cache.read(0, prefix.length + sequence.lead);
}
