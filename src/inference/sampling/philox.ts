/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011): the value at a
 * counter needs no state, so what a clip draws at a position does not depend on what was drawn before or beside it.
 */
const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

export type Philox4 = readonly [number, number, number, number];
export type PhiloxKey = readonly [number, number];

/** Four 32-bit words (unsigned) for a counter of four words and a key of two. */
export function philox4x32(counter: Philox4, key: PhiloxKey): Philox4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round += 1) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** Upper 32 bits of the product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000);
  const carry = (middle % 0x10000) + aLow * bHigh;
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
}

/** A stream of uniform numbers addressed by position and sub-token. */
export class CounterRandom {
  readonly #key: PhiloxKey;

  constructor(seed: number, candidate: number) {
    this.#key = [seed, candidate];
  }

  /** Uniform in [0, 1) with 53 bits. */
  uniform(position: number, subToken: number): number {
    const [high, low] = philox4x32([position, subToken, 0, 0], this.#key);
    return ((high >>> 5) * 0x4000000 + (low >>> 6)) / 0x20000000000000;
  }
}
