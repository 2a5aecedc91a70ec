import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN } from '../../../../src/inference/core/generation.ts';
import { Engine } from '../../../../src/inference/engine/engine.ts';
import { UnchangedCopier } from '../../../../src/inference/engine/unchanged-copier.ts';
import { KvCache } from '../../../../src/inference/kv-cache/kv-cache.ts';
import type { LanguageModel } from '../../../../src/inference/models/language-model.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import { VideoGrid } from '../../../../src/inference/tokenizers/video-grid.ts';
import { makeSequence, openTinyInference, runToEnd, type SequenceSettings, type TinyInference } from '../../../support/inference.ts';

/** Of a latent frame: 4 rows of 4. */
const FRAME = 16;

let tiny: TinyInference;
let grid: VideoGrid;
let copier: UnchangedCopier;
beforeAll(async () => {
  tiny = await openTinyInference();
  grid = new VideoGrid(tiny.bundle.manifest);
  copier = new UnchangedCopier(shapeOf(1), grid);
});
afterAll(async () => await tiny.models.close());

function shapeOf(slots: number) {
  const { layers, kvHeads, maxLength, headDim } = tiny.bundle.manifest.languageModel;
  return { slots, layers, kvHeads, maxLength, headDim };
}

/** Five latent frames that show the same, with other codes at some positions. */
function still(...changed: readonly number[]): Int32Array {
  const codes = Int32Array.from({ length: 2 * 5 * FRAME }, (_, i) => (i % (2 * FRAME)) % 20);
  for (const position of changed) codes[2 * position] = 63;
  return codes;
}

describe('a position is unchanged', () => {
  it('when everything that is known of its surroundings stood still, from the third latent frame on', () => {
    const found = Array.from({ length: 5 * FRAME }, (_, position) => copier.isUnchanged(still(), position));
    expect(found).toEqual(found.map((_, position) => position >= 2 * FRAME));
  });

  it.each([
    ['left of it, now', 2 * FRAME + 4, true],
    ['above it, now', 2 * FRAME + 1, true],
    ['itself, before', FRAME + 5, true],
    ['right of it, before', FRAME + 6, true],
    ['below it, before', FRAME + 9, true],
    ['left of it, before: that is known better now', FRAME + 4, true],
    ['elsewhere', 2 * FRAME + 3, false],
    ['two places away', FRAME + 7, false],
  ])('unless something changed %s', (_, changed, matters) => {
    expect(copier.isUnchanged(still(changed), 2 * FRAME + 5)).toBe(!matters);
  });
});

describe('the entry of a copied position', () => {
  it('is what the model writes for the same token one latent frame later', async () => {
    // In the first layer keys and values depend on the token alone: the same token at every position.
    const layout = new TokenLayout(tiny.bundle.manifest);
    const prefix = { ...layout.plain(new Array<number>(40).fill(70)), length: 40 };
    const cache = new KvCache<never>(shapeOf(1));
    const whole = await tiny.models.language.prefill(prefix);
    cache.write(0, whole);
    const sequence = makeSequence(tiny, { sampling: { guidance: 1 } });
    const { length } = sequence.input.prefixes[0] as { length: number };
    sequence.codes.set(still());
    sequence.done = 2 * FRAME - 1;
    const view = cache.view(0, 1);
    const before = view.keys[0]?.slice();
    // The entries of the third latent frame lie from `length + 2 * FRAME` on; those behind the prefix's 40 are still zeros.
    expect(copier.copy(sequence, grid.join(sequence.codes[2 * sequence.done] as number, sequence.codes[2 * sequence.done + 1] as number), view).length).toBe(3 * FRAME);
    const { headDim, maxLength, kvHeads } = tiny.bundle.manifest.languageModel;
    const expected = await tiny.models.language.prefill({ ...layout.plain(new Array<number>(80).fill(70)), length: 80 });
    for (const [side, values] of [['keys', view.keys[0]], ['values', view.values[0]]] as const) {
      for (let head = 0; head < kvHeads; head += 1) {
        const at = length + 2 * FRAME;
        const found = values?.subarray((head * maxLength + at) * headDim, (head * maxLength + at + 1) * headDim) ?? [];
        const wanted = expected[side][0]?.subarray((head * 80 + at) * headDim, (head * 80 + at + 1) * headDim) ?? [];
        for (let i = 0; i < headDim; i += 1) expect(found[i]).toBeCloseTo(wanted[i] as number, 4);
      }
    }
    expect(view.keys[0]?.subarray(0, length * headDim)).toEqual(before?.subarray(0, length * headDim));
  });
});

describe('copying what does not change', () => {
  async function generate(settings: SequenceSettings, copyUnchanged: boolean): Promise<{ readonly codes: number[]; readonly steps: number }> {
    let steps = 0;
    const model = tiny.models.language;
    const decode: LanguageModel['decode'] = async (...args) => {
      steps += 1;
      return await model.decode(...args);
    };
    const language = new Proxy(model, { get: (target, name) => (name === 'decode' ? decode : bound(target, name)) });
    const engine = new Engine(language, tiny.bundle.manifest, { maxRows: 4, maxWaiting: 4, batchInvariant: true, headInvariant: true, copyUnchanged });
    const sequence = makeSequence(tiny, settings);
    await runToEnd(engine, sequence);
    engine.checkIntegrity();
    await engine.close();
    return { codes: [...sequence.codes], steps };
  }

  function bound(target: LanguageModel, name: string | symbol): unknown {
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === 'function' ? value.bind(target) : value;
  }

  it('takes fewer steps where things stand still, and copies them', async () => {
    // Three latent frames of one picture, and of the fourth all but one place: what is drawn there decides about the row below.
    const forced = Int32Array.from({ length: 5 * FRAME }, (_, i) => (i < 3 * FRAME + 1 ? 7 * (i % FRAME) : UNKNOWN));
    const settings = { task: 'TEXT_TO_VIDEO', forced, sampling: { temperature: 0 } } as const;
    const [copied, drawn] = [await generate(settings, true), await generate(settings, false)];
    expect(copied.steps).toBeLessThan(drawn.steps);
    expect(copied.codes.slice(0, 2 * (3 * FRAME + 1))).toEqual(drawn.codes.slice(0, 2 * (3 * FRAME + 1)));
  });

  it('is the same each time, and changes nothing where everything is shown ahead', async () => {
    const settings = { seed: 12 } as const;
    expect(await generate(settings, true)).toEqual(await generate(settings, true));
    const condition = new Int32Array(5 * FRAME).fill(UNKNOWN);
    const inpainted = { task: 'INPAINT_VIDEO', condition, seed: 3 } as const;
    expect(await generate(inpainted, true)).toEqual(await generate(inpainted, false));
  });
});
