import { framesOf, nearestLatents } from '../inference/core/clip-length.ts';
import { MAX_SEED, type BundleInfo, type ClipSource } from '../inference/core/generation.ts';
import { soundTokens } from '../inference/core/sound-windows.ts';
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
  readonly soundTokens: number;
  /** What is known of it, given the codes of the shot before, and how many frames those give. */
  source(previous: Int32Array | undefined): { readonly source: ClipSource; readonly skip: number };
}

/** Latent frames of the shot before that a shot is decoded behind: more than the decoder remembers (two a layer). */
const TAIL = 20;

export function planShots(shots: readonly FilmShot[], seed: number, withAudio: boolean, bundle: BundleInfo): ShotPlan[] {
  return shots.map((shot, index) => {
    const continues = shot.continuePrevious && index > 0;
    return {
      index,
      shot,
      seed: shot.seed ?? (seed + index) % (MAX_SEED + 1),
      continues,
      assetId: shot.asset ?? undefined,
      ...(shot.asset === null ? tokensOfShot(shot, index, withAudio, bundle) : { tokens: 0, soundTokens: 0 }),
      source: previous => sourceOf(shot, previous, bundle),
    };
  });
}

/** The clip of a shot, and its sound. */
export function shotSpans(shot: FilmShot, index: number, withAudio: boolean, bundle: BundleInfo): readonly ({ readonly kind: 'clip'; readonly total: number; readonly known: number } | { readonly kind: 'sound'; readonly latents: number })[] {
  const { total, known, heard } = shotSpan(shot, index, bundle);
  const clip = { kind: 'clip' as const, total, known };
  return withAudio ? [clip, { kind: 'sound' as const, latents: heard }] : [clip];
}

/** Latent frames of a shot and of what it continues, and those that its sound is made from. */
function shotSpan({ durationMs, continuePrevious }: FilmShot, index: number, bundle: BundleInfo): { readonly total: number; readonly known: number; readonly heard: number } {
  const added = addedLatents(durationMs, bundle);
  if (continuePrevious && index > 0) return { total: TAIL + added, known: TAIL, heard: 1 + added };
  const total = nearestLatents(durationMs, bundle);
  return { total, known: 0, heard: total };
}

function tokensOfShot(shot: FilmShot, index: number, withAudio: boolean, bundle: BundleInfo): Pick<ShotPlan, 'tokens' | 'soundTokens'> {
  const { audio } = bundle;
  const { heard, ...span } = shotSpan(shot, index, bundle);
  return { tokens: tokensOf(bundle, span), soundTokens: withAudio && audio !== null ? soundTokens(heard, { ...bundle, audio }) : 0 };
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
