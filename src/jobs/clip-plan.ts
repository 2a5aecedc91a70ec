import { CinegraphError } from '../errors.ts';
import { durationOf, framesOf, latentsForSound, latentsWithin, nearestLatents } from '../inference/core/clip-length.ts';
import { MAX_LATENTS, UNKNOWN, type BundleInfo, type ClipSource, type ModelTask, type RawFrame } from '../inference/core/generation.ts';
import type { MediaBytes } from '../media/reader.ts';
import type { Padding, Rectangle } from '../services/contract.ts';
import type { AssetReader, KnownClip } from './asset-reader.ts';
import { composePrompt, withoutStyle } from './prompt.ts';
import { composite, hide, inverse, maskOfBox, maskOfPicture, placed, sameSize, type Box, type Mask, type Size } from './mask.ts';

/** What is known of a clip before it is made, and what becomes of its frames. */
export interface ClipPlan {
  readonly source: ClipSource;
  /** Decoded frames before the first one of the result. */
  readonly skip: number;
  /** Puts kept pixels over a decoded frame; `index` counts from the result's first. Undefined: what is decoded is the result. */
  readonly compose: ((frame: RawFrame, index: number) => RawFrame) | undefined;
  /** What the model is told instead of the job's prompt. */
  readonly prompt?: string;
  /** Ids of the assets that it is made from. */
  readonly parents: readonly string[];
  /** Codes of the control video that the clip follows. */
  readonly control?: Int32Array;
  /** What the model hears, and the file that becomes the clip's sound track. */
  readonly heard?: { readonly codes: Int32Array; readonly track: MediaBytes };
}

/** Tasks that make clips or pictures. */
export type ClipTask = Exclude<ModelTask, 'TEXT_TO_AUDIO' | 'VIDEO_TO_AUDIO' | 'VIDEO_TO_TEXT' | 'AUDIO_TO_TEXT'>;

/** The parts of a job's stored input that say what it is made from; checked when the job was accepted. */
export interface ClipInput {
  readonly prompt?: unknown;
  readonly camera?: unknown;
  readonly style?: unknown;
  readonly durationMs?: number | null;
  readonly image?: string;
  readonly video?: string;
  readonly audio?: string;
  readonly extraMs?: number;
  readonly fromFrame?: number;
  readonly mask?: { readonly asset?: string | null; readonly rectangle?: Rectangle | null };
  readonly padding?: Padding;
  readonly upscale?: 'NONE' | 'TWO' | null;
}

const NOTHING = new Int32Array(0);

/** Size of a job's frames. Throws TASK_NOT_SUPPORTED when the model has changed to one that cannot enlarge them. */
export function sizeOf({ upscale }: Pick<ClipInput, 'upscale'>, bundle: BundleInfo): Size {
  if (upscale !== 'TWO') return { width: bundle.width, height: bundle.height };
  if (bundle.upscaled === null) throw new CinegraphError('TASK_NOT_SUPPORTED', `${bundle.name} has no super-resolution.`, { field: ['input', 'upscale'] });
  return bundle.upscaled;
}

/** Reads what the task is made from. Throws NOT_FOUND, INVALID_INPUT, DURATION_NOT_SUPPORTED and the MEDIA_ codes. */
export async function planClip(task: ClipTask, input: ClipInput, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const size = sizeOf(input, bundle);
  const latents = input.durationMs == null ? bundle.grid[0] : nearestLatents(input.durationMs, bundle);
  switch (task) {
    case 'TEXT_TO_IMAGE':
      return { source: { latents: 1, codes: NOTHING }, skip: 0, compose: undefined, parents: [] };
    case 'TEXT_TO_VIDEO':
      return { source: { latents, codes: NOTHING }, skip: 0, compose: undefined, parents: [] };
    case 'IMAGE_TO_VIDEO': {
      const image = given(input.image);
      return { source: { latents, codes: await reader.picture(image) }, skip: 0, compose: undefined, parents: [image] };
    }
    case 'EXTEND_VIDEO':
      return planExtension(given(input.video), given(input.extraMs), size, reader, bundle);
    case 'EDIT_VIDEO':
      return planEdit(given(input.video), given(input.fromFrame), size, reader, bundle);
    case 'INPAINT_VIDEO':
      return planInpainting(given(input.video), given(input.mask), size, reader, bundle);
    case 'OUTPAINT_VIDEO':
      return planOutpainting(given(input.video), given(input.padding), size, reader, bundle);
    case 'STYLIZE_VIDEO':
      return planStylization(given(input.video), composePrompt(input), reader);
    case 'AUDIO_TO_VIDEO':
      return planForSound(given(input.audio), reader, bundle);
  }
}

/** As long as the sound, up to the longest clip. */
async function planForSound(audio: string, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const { durationMs } = await reader.row(audio);
  const heard = await reader.heard(audio);
  const latents = latentsForSound(durationMs, bundle);
  const longest = durationOf(framesOf(MAX_LATENTS, bundle), bundle);
  if ((durationMs ?? 0) > longest) reader.warn('INPUT_CUT', `The sound is longer than ${longest} ms; the rest was left out.`);
  if (heard.longer) reader.warn('AUDIO_OUTLASTED', `The model hears the first ${heard.heardMs} ms of the sound; what comes after that follows from the picture alone.`);
  return { source: { latents, codes: NOTHING }, skip: 0, compose: undefined, parents: [audio], heard: { codes: heard.codes, track: await reader.file(audio) } };
}

async function planExtension(video: string, extraMs: number, size: Size, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const clip = await reader.clip(video);
  const latents = clip.latents + Math.max(1, Math.round((extraMs * bundle.fps) / 1000 / bundle.framesPerLatent));
  if (latents > MAX_LATENTS) {
    throw new CinegraphError('DURATION_NOT_SUPPORTED', `The clip would be longer than ${durationOf(framesOf(MAX_LATENTS, bundle), bundle)} ms.`, { field: ['input', 'extraMs'] });
  }
  return { source: { latents, codes: clip.codes }, skip: clip.skip, compose: await keepFrames(video, clip, { latents: clip.latents, size }, reader, bundle), parents: [video] };
}

async function planEdit(video: string, fromFrame: number, size: Size, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const clip = await reader.clip(video);
  const kept = Math.min(latentsWithin(fromFrame + clip.skip, bundle), clip.latents - 1);
  const begins = framesOf(kept, bundle) - clip.skip;
  if (kept < 1 || begins < 1) throw new CinegraphError('INVALID_INPUT', 'fromFrame lies outside of the clip.', { field: ['input', 'fromFrame'] });
  if (begins !== fromFrame) reader.warn('FRAME_ROUNDED', `The model makes ${bundle.framesPerLatent} frames at a time: the new part begins at frame ${begins} instead of ${fromFrame}.`);
  const codes = clip.codes.slice(0, (clip.codes.length / clip.latents) * kept);
  return { source: { latents: clip.latents, codes }, skip: clip.skip, compose: await keepFrames(video, clip, { latents: kept, size }, reader, bundle), parents: [video] };
}

/** The source's own frames instead of the decoded ones, where those are not the same. */
async function keepFrames(video: string, clip: KnownClip, { latents, size }: { readonly latents: number; readonly size: Size }, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan['compose']> {
  if (clip.exact) return undefined;
  const frames = (await reader.frames(video, clip, size)).slice(0, framesOf(latents, bundle) - clip.skip);
  return (frame, index) => frames[index] ?? frame;
}

async function planInpainting(video: string, { asset, rectangle }: NonNullable<ClipInput['mask']>, size: Size, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const clip = await reader.clip(video);
  const maskAt = async (at: Size): Promise<Mask> => (rectangle == null ? maskOfAsset(given(asset), reader, at) : maskOfBox(boxOf(rectangle, at), at));
  const mask = await maskAt(bundle);
  const codes = hide(clip.codes, mask, bundle);
  if (!codes.includes(UNKNOWN)) throw new CinegraphError('INVALID_INPUT', 'The mask is black everywhere: nothing would be made new.', { field: ['input', 'mask'] });
  const frames = await reader.frames(video, clip, size);
  return { source: { latents: clip.latents, codes }, skip: clip.skip, compose: over(frames, sameSize(size, bundle) ? mask : await maskAt(size)), parents: asset == null ? [video] : [video, asset] };
}

async function maskOfAsset(asset: string, reader: AssetReader, { width, height }: Size): Promise<Mask> {
  const [picture] = await reader.scaled(await reader.row(asset), { width, height, maxFrames: 1 });
  return maskOfPicture(given(picture));
}

async function planOutpainting(video: string, padding: Padding, size: Size, reader: AssetReader, bundle: BundleInfo): Promise<ClipPlan> {
  const row = await reader.row(video);
  if (Math.abs((row.width * (1 + padding.left + padding.right) * bundle.height) / (row.height * (1 + padding.top + padding.bottom) * bundle.width) - 1) > 0.02) {
    reader.warn('CANVAS_WIDENED', `The model makes pictures of ${bundle.width} x ${bundle.height} px: the padding was widened to that shape.`);
  }
  const canvasAt = async (at: Size): Promise<{ readonly frames: readonly RawFrame[]; readonly mask: Mask }> => {
    const box = boxWithin(row, padding, at);
    const inner = await reader.scaled(row, { width: box.right - box.left, height: box.bottom - box.top, maxFrames: framesOf(MAX_LATENTS, bundle) });
    return { frames: inner.map(frame => placed(frame, box, at)), mask: inverse(maskOfBox(box, at)) };
  };
  const seen = await canvasAt(bundle);
  const encoded = await reader.encode(seen.frames);
  const codes = hide(encoded.codes, seen.mask, bundle);
  if (codes.every(code => code === UNKNOWN)) throw new CinegraphError('INVALID_INPUT', 'With so much padding nothing of the clip is left to go by.', { field: ['input', 'padding'] });
  const kept = sameSize(size, bundle) ? seen : await canvasAt(size);
  return { source: { latents: encoded.latents, codes }, skip: 0, compose: over(kept.frames, kept.mask), parents: [video] };
}

/** Nothing of the source's look is kept: the model sees its depth and motion alone. A prompt that says a look and nothing else goes behind what the model sees in the clip. */
async function planStylization(video: string, prompt: string, reader: AssetReader): Promise<ClipPlan> {
  const frames = await reader.seen(video);
  const control = await reader.control(frames);
  const shown = withoutStyle(prompt) === '' ? withoutStyle(await reader.described(frames)) : '';
  if (shown !== '') reader.warn('SOURCE_DESCRIBED', `The clip was made without a prompt: the model was told what it sees in it, "${shown}".`);
  const plan = { source: { latents: control.latents, codes: NOTHING }, skip: 0, compose: undefined, parents: [video], control: control.codes };
  return shown === '' ? plan : { ...plan, prompt: `${shown}, ${prompt}` };
}

/** Where the source lies in the model's frame when the padded picture is scaled to fit into it. */
function boxWithin(source: { readonly width: number; readonly height: number }, { left, right, top, bottom }: Padding, { width, height }: Size): Box {
  const [across, down] = [source.width * (1 + left + right), source.height * (1 + top + bottom)];
  const scale = Math.min(width / across, height / down);
  const x = Math.round((width - across * scale) / 2 + left * source.width * scale);
  const y = Math.round((height - down * scale) / 2 + top * source.height * scale);
  return { left: x, top: y, right: Math.min(width, x + Math.max(1, Math.round(source.width * scale))), bottom: Math.min(height, y + Math.max(1, Math.round(source.height * scale))) };
}

function boxOf({ x, y, width, height }: Rectangle, size: Size): Box {
  return { left: Math.floor(x * size.width), top: Math.floor(y * size.height), right: Math.ceil((x + width) * size.width), bottom: Math.ceil((y + height) * size.height) };
}

function over(frames: readonly RawFrame[], mask: Mask): ClipPlan['compose'] {
  return (frame, index) => {
    const kept = frames[index];
    return kept === undefined ? frame : composite(frame, kept, mask);
  };
}

function given<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the stored input lacks what its task needs');
  return value;
}
