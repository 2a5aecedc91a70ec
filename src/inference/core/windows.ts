/** A clip longer than the model's grid is made in windows, each of which begins with the end of what is there (VideoPoet, arXiv 2312.14125, section 5.3). */

import type { BundleInfo } from './generation.ts';

/** Latent frames `[start, start + latents)` of the clip, made in one sequence. */
export interface Window {
  readonly start: number;
  readonly latents: number;
}

export interface WindowPlan {
  /** Latent frames of the clip. */
  readonly total: number;
  /** Latent frames at its beginning that are known whole. */
  readonly known: number;
  /** Latent frames of a sequence from the beginning of the clip. */
  readonly longest: number;
  /** A later window: its latent frames, and how many of them it repeats from before it, as forced tokens. */
  readonly later: { readonly latents: number; readonly overlap: number };
  /** What comes next shall be something else: the first window sees the last known latent frame alone, so that the prompt is heard over what was. Default: no. */
  readonly turns?: boolean;
}

/** Windows that together make what is not known, in order. */
export function planWindows({ total, known, longest, later, turns = false }: WindowPlan): Window[] {
  const windows: Window[] = [];
  for (let next = known; next < total; ) {
    const start = turns && next === known ? Math.max(0, next - 1) : next < longest ? 0 : next - later.overlap;
    const latents = Math.min(start === 0 ? longest : later.latents, total - start);
    windows.push({ start, latents });
    next = start + latents;
  }
  return windows;
}

/** Tokens that a clip of `total` latent frames takes, of which the first `known` are there: those of all its windows. */
export function tokensOf({ grid: [longest, height, width], windows }: Pick<BundleInfo, 'grid' | 'windows'>, { total, known, turns = false }: Pick<WindowPlan, 'total' | 'known' | 'turns'>): number {
  return planWindows({ total, known, longest, later: windows, turns }).reduce((sum, { latents }) => sum + latents, 0) * height * width;
}
