import { durationOf, framesOf, latentsWithin, nearestLatents } from '../inference/core/clip-length.ts';
import { MAX_LATENTS, type BundleInfo } from '../inference/core/generation.ts';
import type { AssetKind, AssetRecord, GenerateInput, Padding, Rectangle } from './contract.ts';
import { refuse } from './refuse.ts';

/** An asset that a request names, and what it was made from. */
export interface SourceAsset {
  readonly record: AssetRecord;
  /** Of the job that made it. */
  readonly prompt: string | null;
}

export type SourceAssets = ReadonlyMap<string, SourceAsset>;

/** A clip of `total` latent frames, of which the first `known` are there. */
export interface Span {
  readonly total: number;
  readonly known: number;
}

export interface CheckedSource {
  /** The fields of {@link GenerateInput} that the task reads. */
  readonly fields: Pick<GenerateInput, 'image' | 'video' | 'extraMs' | 'fromFrame' | 'mask' | 'padding' | 'shots'>;
  readonly span: Span;
}

/** Widest padding of one side, as a share of the clip's side. */
const MOST_PADDING = 2;

/** What a clip is made from. Throws NOT_FOUND, INVALID_INPUT and DURATION_NOT_SUPPORTED. */
export function checkSource(input: GenerateInput, durationMs: number | null, bundle: BundleInfo, assets: SourceAssets): CheckedSource {
  const total = durationMs === null ? bundle.grid[0] : nearestLatents(durationMs, bundle);
  switch (input.task) {
    case 'TEXT_TO_IMAGE':
      return { fields: {}, span: { total: 1, known: 0 } };
    case 'TEXT_TO_VIDEO':
      return { fields: {}, span: { total, known: 0 } };
    case 'IMAGE_TO_VIDEO': {
      const image = asset(input.image, 'image', ['IMAGE'], assets);
      return { fields: { image: image.id }, span: { total, known: 1 } };
    }
    case 'EXTEND_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return checkExtension(video, input.extraMs ?? durationOf(bundle.frameCount, bundle), bundle);
    }
    case 'EDIT_VIDEO':
      return checkEdit(asset(input.video, 'video', ['VIDEO'], assets), input.fromFrame ?? 0, bundle);
    case 'INPAINT_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id, mask: checkMask(input, assets) }, span: { total: latentsOf(video, bundle), known: 0 } };
    }
    case 'OUTPAINT_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id, padding: checkPadding(input.padding) }, span: { total: latentsOf(video, bundle), known: 0 } };
    }
    case 'FILM':
      throw new Error('a film has shots instead of one source');
  }
}

/** A clip that goes on keeps its prompt where no other is given. */
export function inheritedPrompt({ task, video }: GenerateInput, assets: SourceAssets): string {
  return (task === 'EXTEND_VIDEO' && video != null ? assets.get(video)?.prompt : null) ?? '';
}

/** An asset of the viewer's, of one of the kinds. `field`: below `input`. */
export function asset(id: string | null | undefined, field: string | readonly string[], kinds: readonly AssetKind[], assets: SourceAssets): AssetRecord {
  const found = id == null ? undefined : assets.get(id)?.record;
  if (found === undefined) refuse('NOT_FOUND', field, 'No asset with this id exists, or it is not yours.');
  if (!kinds.includes(found.kind)) refuse('INVALID_INPUT', field, `This asset is ${found.kind}; ${kinds.join(' or ')} is needed.`);
  return found;
}

/** Latent frames of a stored clip when the model has read it. */
function latentsOf({ durationMs }: AssetRecord, bundle: BundleInfo): number {
  return Math.min(MAX_LATENTS, Math.max(1, latentsWithin(framesIn(durationMs, bundle), bundle)));
}

/** Frames of a stored clip at the model's rate. */
function framesIn(durationMs: number | null, { fps }: BundleInfo): number {
  return Math.round(((durationMs ?? 0) * fps) / 1000);
}

function checkExtension(video: AssetRecord, extraMs: number, bundle: BundleInfo): CheckedSource {
  const known = latentsOf(video, bundle);
  const longest = durationOf(framesOf(MAX_LATENTS, bundle), bundle);
  const total = known + Math.max(1, Math.round((extraMs * bundle.fps) / 1000 / bundle.framesPerLatent));
  if (!(extraMs >= 1) || total > MAX_LATENTS) refuse('DURATION_NOT_SUPPORTED', 'extraMs', `extraMs must be from 1, and the whole clip is ${longest} ms at most.`);
  return { fields: { video: video.id, extraMs }, span: { total, known } };
}

function checkEdit(video: AssetRecord, fromFrame: number, bundle: BundleInfo): CheckedSource {
  const frames = framesIn(video.durationMs, bundle);
  if (!Number.isInteger(fromFrame) || fromFrame < 1 || fromFrame >= frames) refuse('INVALID_INPUT', 'fromFrame', `fromFrame must be an integer from 1 to ${frames - 1}: the clip has ${frames} frames.`);
  return { fields: { video: video.id, fromFrame }, span: { total: latentsOf(video, bundle), known: Math.min(latentsWithin(fromFrame, bundle), latentsOf(video, bundle) - 1) } };
}

function checkMask({ mask }: GenerateInput, assets: SourceAssets): NonNullable<GenerateInput['mask']> {
  if (mask?.rectangle != null) return { rectangle: checkRectangle(mask.rectangle) };
  return { asset: asset(mask?.asset, ['mask', 'asset'], ['MASK', 'IMAGE'], assets).id };
}

function checkRectangle({ x, y, width, height }: Rectangle): Rectangle {
  const inside = x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 1.000_001 && y + height <= 1.000_001;
  if (!inside) refuse('INVALID_INPUT', ['mask', 'rectangle'], 'The rectangle must lie within the picture: x, y, width and height are fractions of it, and width and height are above 0.');
  return { x, y, width, height };
}

function checkPadding(padding: Padding | null | undefined): Padding {
  const { left = 0, right = 0, top = 0, bottom = 0 } = padding ?? {};
  const sides = [left, right, top, bottom];
  if (sides.some(side => !(side >= 0 && side <= MOST_PADDING)) || sides.every(side => side === 0)) {
    refuse('INVALID_INPUT', 'padding', `Each side is a fraction of the clip's width or height from 0 to ${MOST_PADDING}, and one of them is above 0.`);
  }
  return { left, right, top, bottom };
}
