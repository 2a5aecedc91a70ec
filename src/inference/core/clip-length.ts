/** Frames, latent frames and milliseconds of a clip. The first latent frame stands for one frame, every other one for `framesPerLatent`. */
import { MAX_LATENTS, type BundleInfo } from './generation.ts';

type Rates = Pick<BundleInfo, 'fps' | 'framesPerLatent'>;

export function framesOf(latents: number, { framesPerLatent }: Rates): number {
  return 1 + framesPerLatent * (latents - 1);
}

export function durationOf(frames: number, { fps }: Rates): number {
  return Math.round((frames * 1000) / fps);
}

/** Latent frames of the clip whose duration is nearest, from 2 to {@link MAX_LATENTS}. */
export function nearestLatents(durationMs: number, { fps, framesPerLatent }: Rates): number {
  const latents = 1 + Math.round(((durationMs * fps) / 1000 - 1) / framesPerLatent);
  return Math.min(MAX_LATENTS, Math.max(2, latents));
}

/** Latent frames of the clip that is made for a sound: not less than the model's own, which hears silence behind a shorter one. */
export function latentsForSound(durationMs: number | null, bundle: Pick<BundleInfo, 'fps' | 'framesPerLatent' | 'grid' | 'tasks'>): number {
  const [own] = bundle.grid;
  return bundle.tasks.includes('EXTEND_VIDEO') ? Math.max(own, nearestLatents(durationMs ?? 0, bundle)) : own;
}

/** Latent frames that lie wholly before frame `frame`, counted from 0. */
export function latentsWithin(frame: number, { framesPerLatent }: Rates): number {
  return frame < 1 ? 0 : 1 + Math.floor((frame - 1) / framesPerLatent);
}
