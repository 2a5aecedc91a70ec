/** Sequences without a model, for what looks at their lengths and names alone. */
import type { Output } from '../../src/inference/core/output.ts';
import type { Prefix } from '../../src/inference/core/step-input.ts';

/** Four positions of which nothing is known. */
export const OUTPUT: Output = { kind: 'video', total: 4, codes: new Int32Array(4), describe: () => undefined, take: () => false };

/** Tokens of one id each. */
export function prefixOf(...ids: readonly number[]): Prefix {
  return { rowIds: BigInt64Array.from(ids, BigInt), codeIds: new BigInt64Array(0), audioIds: new BigInt64Array(0), length: ids.length };
}
