import { nearestLatents } from '../inference/core/clip-length.ts';
import type { BundleInfo, GenerationTask } from '../inference/core/generation.ts';
import { planWindows } from '../inference/core/windows.ts';

interface Wanted {
  readonly task: GenerationTask;
  readonly candidates: number;
  readonly durationMs: number | null;
}

/** Tokens that a job will work through, over all candidates and windows. An image is one latent frame of a clip. */
export function countTokens({ task, candidates, durationMs }: Wanted, bundle: BundleInfo): number {
  const [longest, height, width] = bundle.grid;
  const total = task === 'TEXT_TO_IMAGE' ? 1 : durationMs === null ? longest : nearestLatents(durationMs, bundle);
  const windows = planWindows({ total, known: 0, longest, later: bundle.windows });
  return candidates * windows.reduce((sum, { latents }) => sum + latents, 0) * height * width;
}
