/** The sound of a clip is made in windows, one for each stretch of the clip that the model can see at once. Each begins with the end of what is there. */
import type { AudioInfo, BundleInfo } from './generation.ts';

/** Audio frames `[start, start + framesPerClip)`, made in one sequence from what the clip shows from latent frame `latent` on. */
export interface SoundWindow {
  readonly latent: number;
  readonly start: number;
}

export interface SoundRates extends Pick<BundleInfo, 'grid' | 'fps' | 'framesPerLatent'> {
  readonly audio: Pick<AudioInfo, 'sampleRate' | 'samplesPerFrame' | 'levels' | 'framesPerClip'>;
}

/** Latent frames, and audio frames, from the beginning of one window to that of the next. Time runs from the last frame of a window's first latent frame on. */
export function soundHop({ grid: [latents], fps, framesPerLatent, audio }: SoundRates): { readonly latents: number; readonly frames: number } {
  const seconds = ((latents - 1) * framesPerLatent) / fps;
  return { latents: latents - 1, frames: Math.round((seconds * audio.sampleRate) / audio.samplesPerFrame) };
}

/** Windows that together make the sound of `latents` latent frames; the last may reach beyond them. */
export function planSoundWindows(latents: number, rates: SoundRates): SoundWindow[] {
  const hop = soundHop(rates);
  return Array.from({ length: Math.max(1, Math.ceil((latents - 1) / hop.latents)) }, (_, index) => ({ latent: index * hop.latents, start: index * hop.frames }));
}

/** Tokens that the sound of `latents` latent frames takes: those of all its windows. */
export function soundTokens(latents: number, rates: SoundRates): number {
  return planSoundWindows(latents, rates).length * rates.audio.framesPerClip * rates.audio.levels;
}
