import { describe, expect, it } from 'vitest';
import { CounterRandom, philox4x32, type Philox4, type PhiloxKey } from '../../../../src/inference/sampling/philox.ts';

/** Known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
const KNOWN_ANSWERS: readonly { counter: Philox4; key: PhiloxKey; words: Philox4 }[] = [
  { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

describe('philox4x32-10', () => {
  it.each(KNOWN_ANSWERS)('gives the published words for key $key', ({ counter, key, words }) => {
    expect(philox4x32(counter, key)).toEqual(words);
  });
});

describe('the counter stream', () => {
  it('is uniform: every twentieth of [0, 1) is hit as often as chance says', () => {
    const random = new CounterRandom(7, 0);
    const bins = new Array<number>(20).fill(0);
    for (let position = 0; position < 20_000; position += 1) {
      const value = random.uniform(position, position % 2);
      expect(value >= 0 && value < 1).toBe(true);
      const bin = Math.floor(value * 20);
      bins[bin] = (bins[bin] as number) + 1;
    }
    const chiSquare = bins.reduce((sum, found) => sum + (found - 1000) ** 2 / 1000, 0);
    // 19 degrees of freedom: above 43.8 with probability 0.001. The stream is fixed, so this cannot flicker.
    expect(chiSquare).toBeLessThan(43.8);
  });

  it('depends on seed, candidate, position and sub-token, on nothing else', () => {
    const value = new CounterRandom(5, 1).uniform(3, 1);
    expect(new CounterRandom(5, 1).uniform(3, 1)).toBe(value);
    const others = [new CounterRandom(6, 1).uniform(3, 1), new CounterRandom(5, 0).uniform(3, 1), new CounterRandom(5, 1).uniform(2, 1), new CounterRandom(5, 1).uniform(3, 0)];
    expect(new Set([value, ...others]).size).toBe(5);
  });
});
