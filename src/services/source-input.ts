import { durationOf, framesOf, latentsForSound, latentsWithin, nearestLatents } from '../inference/core/clip-length.ts';
import { MAX_LATENTS, type BundleInfo } from '../inference/core/generation.ts';
import { STYLE_WORDS } from '../inference/core/styles.ts';
import { styleOf, withoutStyle } from '../jobs/prompt.ts';
import type { AssetKind, AssetRecord, GenerateInput, Padding, Rectangle } from './contract.ts';
import { refuse } from './refuse.ts';

/** An asset that a request names, and what it was made from. */
export interface SourceAsset {
  readonly record: AssetRecord;
  /** Of the job that made it, or of the shot that it is. */
  readonly prompt: string | null;
  readonly camera: string | null;
  readonly style: string | null;
}

export type SourceAssets = ReadonlyMap<string, SourceAsset>;

/** Something that has to be made: a clip of `total` latent frames, of which the first `known` are there; the sound of so many; a text. */
export type Span = { readonly kind: 'clip'; readonly total: number; readonly known: number; readonly turns?: boolean } | { readonly kind: 'sound'; readonly latents: number } | { readonly kind: 'text' };

export interface CheckedSource {
  /** The fields of {@link GenerateInput} that the task reads. */
  readonly fields: Pick<GenerateInput, 'image' | 'video' | 'audio' | 'muxed' | 'withAudio' | 'upscale' | 'extraMs' | 'fromFrame' | 'mask' | 'padding' | 'shots'>;
  readonly spans: readonly Span[];
}

/** Widest padding of one side, as a share of the clip's side. */
const MOST_PADDING = 2;

/** What something is made from. Throws NOT_FOUND, INVALID_INPUT, DURATION_NOT_SUPPORTED and TASK_NOT_SUPPORTED. */
export function checkSource(input: GenerateInput, durationMs: number | null, bundle: BundleInfo, assets: SourceAssets): CheckedSource {
  const total = durationMs === null ? bundle.grid[0] : nearestLatents(durationMs, bundle);
  switch (input.task) {
    case 'TEXT_TO_IMAGE':
      return { fields: {}, spans: [clip(1, 0)] };
    case 'TEXT_TO_VIDEO':
      return { fields: { withAudio: checkWithAudio(input, bundle) }, spans: input.withAudio === true ? [clip(total, 0), { kind: 'sound', latents: total }] : [clip(total, 0)] };
    case 'IMAGE_TO_VIDEO': {
      const image = asset(input.image, 'image', ['IMAGE'], assets);
      return { fields: { image: image.id }, spans: [clip(total, 1)] };
    }
    case 'EXTEND_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return checkExtension(video, input.extraMs ?? durationOf(bundle.frameCount, bundle), bundle);
    }
    case 'EDIT_VIDEO':
      return checkEdit(asset(input.video, 'video', ['VIDEO'], assets), input.fromFrame ?? 0, bundle);
    case 'INPAINT_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id, mask: checkMask(input, assets) }, spans: [clip(latentsOf(video, bundle), 0)] };
    }
    case 'OUTPAINT_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id, padding: checkPadding(input.padding) }, spans: [clip(latentsOf(video, bundle), 0)] };
    }
    case 'STYLIZE_VIDEO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id }, spans: [clip(latentsOf(video, bundle), 0)] };
    }
    case 'TEXT_TO_AUDIO':
      return { fields: {}, spans: [{ kind: 'sound', latents: bundle.grid[0] }] };
    case 'VIDEO_TO_AUDIO': {
      const video = asset(input.video, 'video', ['VIDEO'], assets);
      return { fields: { video: video.id, muxed: input.muxed ?? false }, spans: [{ kind: 'sound', latents: latentsOf(video, bundle) }] };
    }
    case 'AUDIO_TO_VIDEO': {
      const audio = heardAsset(input.audio, assets);
      return { fields: { audio: audio.id }, spans: [clip(latentsForSound(audio.durationMs, bundle), 0)] };
    }
    case 'VIDEO_TO_TEXT':
      return { fields: { video: asset(input.video, 'video', ['VIDEO'], assets).id }, spans: [{ kind: 'text' }] };
    case 'AUDIO_TO_TEXT':
      return { fields: { audio: heardAsset(input.audio, assets).id }, spans: [{ kind: 'text' }] };
    case 'FILM':
      throw new Error('a film has shots instead of one source');
  }
}

function clip(total: number, known: number): Extract<Span, { readonly kind: 'clip' }> {
  return { kind: 'clip', total, known };
}

/** Throws TASK_NOT_SUPPORTED. */
export function checkWithAudio({ withAudio }: GenerateInput, bundle: BundleInfo): boolean {
  if (withAudio === true && !bundle.tasks.includes('VIDEO_TO_AUDIO')) refuse('TASK_NOT_SUPPORTED', 'withAudio', `${bundle.name} cannot make the sound of a clip; it can do ${bundle.tasks.join(', ')}.`);
  return withAudio ?? false;
}

/** Kept with the job only where it is asked for. Throws TASK_NOT_SUPPORTED. */
export function checkUpscale({ upscale }: GenerateInput, bundle: BundleInfo): Pick<GenerateInput, 'upscale'> {
  if (upscale !== 'TWO') return {};
  if (bundle.upscaled === null) refuse('TASK_NOT_SUPPORTED', 'upscale', `${bundle.name} has no super-resolution: its clips are ${bundle.width} x ${bundle.height} px.`);
  return { upscale };
}

/** A sound of the viewer's, or a clip that has one. */
function heardAsset(id: string | null | undefined, assets: SourceAssets): AssetRecord {
  const found = asset(id, 'audio', ['AUDIO', 'VIDEO'], assets);
  if (found.kind === 'VIDEO' && !found.hasAudio) refuse('INVALID_INPUT', 'audio', 'This clip has no sound track.');
  return found;
}

/** A clip that goes on, or gets a sound, keeps its prompt where no other is given; and its look, where it goes on. */
export function inherited({ task, prompt, style, video }: GenerateInput, assets: SourceAssets): { readonly prompt: string; readonly style: string | null } {
  const source = video == null || prompt != null ? undefined : assets.get(video);
  return {
    prompt: prompt ?? (task === 'EXTEND_VIDEO' || task === 'VIDEO_TO_AUDIO' ? source?.prompt : null) ?? '',
    style: style ?? (task === 'EXTEND_VIDEO' ? source?.style : null) ?? null,
  };
}

/** What a clip that takes another look is told: a look alone goes behind what its source was told. */
export function stylization({ prompt, style, video }: GenerateInput, assets: SourceAssets): Pick<GenerateInput, 'prompt' | 'camera' | 'style'> {
  const said = (prompt ?? '').trim();
  const asked = style?.trim() || null;
  const look = said === '' ? asked : asked === null ? styleOf(said) : undefined;
  if (look == null) return { prompt: said, style: asked };
  const source = video == null ? undefined : assets.get(video);
  const before = withoutStyle(source?.prompt ?? '');
  if (before !== '') return { prompt: before, camera: source?.camera ?? null, style: look };
  const name = styleOf(look);
  return { prompt: name === undefined ? look : STYLE_WORDS[name][0] };
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
  return { fields: { video: video.id, extraMs }, spans: [clip(total, known)] };
}

function checkEdit(video: AssetRecord, fromFrame: number, bundle: BundleInfo): CheckedSource {
  const frames = framesIn(video.durationMs, bundle);
  if (!Number.isInteger(fromFrame) || fromFrame < 1 || fromFrame >= frames) refuse('INVALID_INPUT', 'fromFrame', `fromFrame must be an integer from 1 to ${frames - 1}: the clip has ${frames} frames.`);
  return { fields: { video: video.id, fromFrame }, spans: [{ ...clip(latentsOf(video, bundle), Math.min(latentsWithin(fromFrame, bundle), latentsOf(video, bundle) - 1)), turns: true }] };
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
