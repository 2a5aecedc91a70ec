import { framesOf, nearestLatents } from '../inference/core/clip-length.ts';
import { MAX_SEED, type BundleInfo, type ClipSource } from '../inference/core/generation.ts';
import { tokensOf } from '../inference/core/windows.ts';

/** A shot as it is kept in the film's input, with its defaults filled in. */
export interface FilmShot {
  readonly prompt: string;
  readonly camera: string | null;
  readonly style: string | null;
  readonly durationMs: number;
  readonly continuePrevious: boolean;
  /** Null: the film's, moved on by the number of the shot. */
  readonly seed: number | null;
  /** Id of the asset that takes this place instead of being made. */
  readonly asset: string | null;
}

export interface ShotPlan {
  readonly index: number;
  readonly shot: FilmShot;
  readonly seed: number;
  /** It begins where the shot before ends. */
  readonly continues: boolean;
  readonly assetId: string | undefined;
  readonly tokens: number;
  /** What is known of it, given the codes of the shot before, and how many frames those give. */
  source(previous: Int32Array | undefined): { readonly source: ClipSource; readonly skip: number };
}

/** Latent frames of the shot before that a shot is decoded behind: more than the decoder remembers (two a layer). */
const TAIL = 20;

export function planShots(shots: readonly FilmShot[], seed: number, bundle: BundleInfo): ShotPlan[] {
  return shots.map((shot, index) => {
    const continues = shot.continuePrevious && index > 0;
    return {
      index,
      shot,
      seed: shot.seed ?? (seed + index) % (MAX_SEED + 1),
      continues,
      assetId: shot.asset ?? undefined,
      tokens: shot.asset === null ? tokensOf(bundle, shotSpan(shot, index, bundle)) : 0,
      source: previous => sourceOf(shot, previous, bundle),
    };
  });
}

/** Latent frames of a shot and of what it continues. */
export function shotSpan({ durationMs, continuePrevious }: FilmShot, index: number, bundle: BundleInfo): { readonly total: number; readonly known: number } {
  const continues = continuePrevious && index > 0;
  return continues ? { total: TAIL + addedLatents(durationMs, bundle), known: TAIL } : { total: nearestLatents(durationMs, bundle), known: 0 };
}

function sourceOf({ durationMs }: FilmShot, previous: Int32Array | undefined, bundle: BundleInfo): { readonly source: ClipSource; readonly skip: number } {
  if (previous === undefined) return { source: { latents: nearestLatents(durationMs, bundle), codes: new Int32Array(0) }, skip: 0 };
  const frameSize = bundle.grid[1] * bundle.grid[2];
  const codes = previous.slice(-TAIL * frameSize);
  const before = codes.length / frameSize;
  return { source: { latents: before + addedLatents(durationMs, bundle), codes }, skip: framesOf(before, bundle) };
}

function addedLatents(durationMs: number, { fps, framesPerLatent }: BundleInfo): number {
  return Math.max(1, Math.round((durationMs * fps) / 1000 / framesPerLatent));
}
