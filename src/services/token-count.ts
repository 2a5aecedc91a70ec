import type { BundleInfo } from '../inference/core/generation.ts';
import { soundTokens } from '../inference/core/sound-windows.ts';
import { tokensOf } from '../inference/core/windows.ts';
import type { CheckedInput } from './generation-input.ts';
import type { Span } from './source-input.ts';

/** Tokens that a job will work through at most, over all candidates, shots and windows. */
export function countTokens({ candidates, spans }: Pick<CheckedInput, 'candidates' | 'spans'>, bundle: BundleInfo): number {
  return candidates * spans.reduce((sum, span) => sum + tokensOfSpan(span, bundle), 0);
}

function tokensOfSpan(span: Span, bundle: BundleInfo): number {
  const { audio, caption } = bundle;
  switch (span.kind) {
    case 'clip':
      return tokensOf(bundle, span);
    case 'sound':
      return audio === null ? 0 : soundTokens(span.latents, { ...bundle, audio });
    case 'text':
      return caption?.maxTokens ?? 0;
  }
}

/** Rows of the key-value cache that a job holds while it runs: guidance takes a second one for each candidate. */
export function rowsOf({ candidates, sampling }: Pick<CheckedInput, 'candidates' | 'sampling'>): number {
  return candidates * (sampling.guidance === 1 ? 1 : 2);
}
