import type { BundleInfo, GenerationTask } from '../inference/core/generation.ts';

/** Tokens that a job will generate, over all candidates. An image is one latent frame of a clip. */
export function countTokens({ task, candidates }: { readonly task: GenerationTask; readonly candidates: number }, { grid: [latents, height, width] }: BundleInfo): number {
  return candidates * (task === 'TEXT_TO_IMAGE' ? 1 : latents) * height * width;
}
