import type { BundleInfo } from '../inference/core/generation.ts';
import { tokensOf } from '../inference/core/windows.ts';
import type { CheckedInput } from './generation-input.ts';

/** Tokens that a job will work through, over all candidates, shots and windows. */
export function countTokens({ candidates, spans }: Pick<CheckedInput, 'candidates' | 'spans'>, bundle: BundleInfo): number {
  return candidates * spans.reduce((sum, span) => sum + tokensOf(bundle, span), 0);
}
