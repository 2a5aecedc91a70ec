import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectNucleus, selectTopK } from '../../../../src/inference/sampling/partial-selection.ts';

/** Few distinct values, so that ties are common. */
const weights = fc.array(fc.integer({ min: 0, max: 9 }).map((value) => value / 8), { minLength: 1, maxLength: 60 });

/** The slow, obvious answer: heaviest first, the lower index first among equals. */
function sorted(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((i, j) => (values[j] as number) - (values[i] as number) || i - j);
}

function setup(values: readonly number[]): { order: Int32Array; all: Float64Array } {
  return { order: Int32Array.from(values, (_, i) => i), all: Float64Array.from(values) };
}

describe('partial selection', () => {
  it('top-k keeps what a full sort keeps', () => {
    fc.assert(
      fc.property(weights, fc.nat(), (values, pick) => {
        const k = 1 + (pick % values.length);
        const { order, all } = setup(values);
        selectTopK(order, values.length, all, k);
        expect(new Set(order.subarray(0, k))).toEqual(new Set(sorted(values).slice(0, k)));
        expect(new Set(order).size).toBe(values.length);
      }),
    );
  });

  it('the nucleus is the smallest heaviest set that reaches the mass', () => {
    fc.assert(
      fc.property(weights, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (values, p) => {
        // Weights are eighths and the target is no multiple of them: no rounding decides.
        const total = values.reduce((sum, value) => sum + value, 0);
        const mass = (Math.floor(p * total * 8) + 0.5) / 8;
        fc.pre(total > mass);
        const { order, all } = setup(values);
        const count = selectNucleus(order, values.length, all, mass);
        const expected = sorted(values);
        let [reached, size] = [0, 0];
        while (reached < mass) reached += values[expected[size++] as number] as number;
        expect(count).toBe(size);
        expect(new Set(order.subarray(0, count))).toEqual(new Set(expected.slice(0, size)));
      }),
    );
  });
});
