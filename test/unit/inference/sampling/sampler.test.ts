import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SamplingParams } from '../../../../src/inference/core/generation.ts';
import { legalLogits } from '../../../../src/inference/sampling/logits.ts';
import { CounterRandom } from '../../../../src/inference/sampling/philox.ts';
import { Sampler } from '../../../../src/inference/sampling/sampler.ts';

const OPEN: SamplingParams = { temperature: 1, topK: 0, topP: 1, guidance: 1, deterministic: false };
/** Sixteenths: values closer than a double can tell after exp() are ties to the sampler. */
const logits = fc.array(fc.integer({ min: -320, max: 320 }).map((value) => value / 16), { minLength: 1, maxLength: 50 }).map((values) => Float32Array.from(values));

/** How often each entry is drawn in `draws` draws. */
function frequencies(row: Float32Array, params: Partial<SamplingParams>, draws = 20_000): number[] {
  const sampler = new Sampler(row.length);
  const random = new CounterRandom(11, 0);
  const counts = new Array<number>(row.length).fill(0);
  for (let i = 0; i < draws; i += 1) {
    const drawn = sampler.sample(row, undefined, { ...OPEN, ...params }, random.uniform(i, 0));
    counts[drawn] = (counts[drawn] as number) + 1;
  }
  return counts.map((count) => count / draws);
}

function softmax(values: readonly number[]): number[] {
  const weights = values.map((value) => Math.exp(value));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

describe('sampling', () => {
  it('temperature 0 is argmax, whatever the uniform number and the filters', () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(60), (row, uniform, topK) => {
        const drawn = new Sampler(row.length).sample(row, undefined, { ...OPEN, temperature: 0, topK, topP: 0.5 }, uniform);
        expect(drawn).toBe(row.indexOf(Math.max(...row)));
      }),
    );
  });

  it('top-k of 1 is argmax too', () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 0.999, noNaN: true }), (row, uniform) => {
        expect(new Sampler(row.length).sample(row, undefined, { ...OPEN, topK: 1 }, uniform)).toBe(row.indexOf(Math.max(...row)));
      }),
    );
  });

  it('draws in proportion to the softmax at the temperature', () => {
    const row = Float32Array.of(0, 1, 2, -1);
    for (const temperature of [0.5, 1, 2]) {
      const expected = softmax([...row].map((value) => value / temperature));
      frequencies(row, { temperature }).forEach((found, i) => expect(found).toBeCloseTo(expected[i] as number, 1.5));
    }
  });

  it('top-k keeps the k most likely and their proportions', () => {
    const found = frequencies(Float32Array.of(1, 3, 2, 0), { topK: 2 });
    const [likely, second] = softmax([3, 2]) as [number, number];
    expect(found[0]).toBe(0);
    expect(found[3]).toBe(0);
    expect(found[1]).toBeCloseTo(likely, 1.5);
    expect(found[2]).toBeCloseTo(second, 1.5);
  });

  it('top-p keeps the smallest set that reaches p', () => {
    // Probabilities 0.5, 0.3, 0.15, 0.05.
    const row = Float32Array.from([0.15, 0.5, 0.05, 0.3], Math.log);
    const kept = (topP: number): number[] => frequencies(row, { topP }).flatMap((frequency, i) => (frequency > 0 ? [i] : []));
    expect(kept(0.4)).toEqual([1]);
    expect(kept(0.7)).toEqual([1, 3]);
    expect(kept(0.9)).toEqual([0, 1, 3]);
    expect(kept(1)).toEqual([0, 1, 2, 3]);
  });

  it('top-p counts over what top-k kept', () => {
    // Of 0.5 and 0.3 the first alone is 0.625 of the mass.
    const row = Float32Array.from([0.15, 0.5, 0.05, 0.3], Math.log);
    expect(frequencies(row, { topK: 2, topP: 0.6 })[1]).toBe(1);
  });

  it('guidance moves away from the unconditional row', () => {
    const [conditional, unconditional] = [Float32Array.of(1, 1.2), Float32Array.of(0, 1.1)];
    const draw = (guidance: number): number => new Sampler(2).sample(conditional, unconditional, { ...OPEN, temperature: 0, guidance }, 0);
    expect(draw(1)).toBe(1);
    // 0 + 3 * 1 = 3 against 1.1 + 3 * 0.1 = 1.4
    expect(draw(3)).toBe(0);
  });

  it('a masked entry is never drawn, however likely', () => {
    const row = Float32Array.of(50, 0, 0, 50);
    const legal = legalLogits(row, { start: 1, size: 2 });
    expect(frequencies(legal, {}, 2_000)).toHaveLength(2);
    expect(frequencies(legal, {}, 2_000)[0]).toBeCloseTo(0.5, 1);
  });

  it('says so when the model returned NaN', () => {
    expect(() => new Sampler(2).sample(Float32Array.of(NaN, 1), undefined, OPEN, 0.5)).toThrow(/not finite/);
  });
});
