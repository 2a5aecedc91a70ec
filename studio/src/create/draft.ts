/** What is filled in on the Create page, as the page keeps it. Pure. */
import type { Asset, GenerateInput, Job, SamplingInput, VideoAsset } from '../../../src/client/index.ts';
import { inputField, inputNumber, inputText } from '../live/live-job.ts';
import { choiceOf, TASKS, type TaskChoice } from './tasks.ts';

/** Fractions of width and height. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Padding {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Draft {
  readonly prompt: string;
  readonly task: TaskChoice;
  /** Id of the asset that is attached; null for none. */
  readonly source: string | null;
  readonly camera: string;
  readonly style: string;
  /** Milliseconds; null: the model's own clip length. */
  readonly durationMs: number | null;
  /** Twice as wide and high. */
  readonly upscale: boolean;
  /** Clips from a prompt: with a sound track. */
  readonly withAudio: boolean;
  /** Add sound: a file of its own, not a sound track. */
  readonly soundAlone: boolean;
  readonly candidates: number;
  /** As typed; empty: drawn by the server. */
  readonly seed: string;
  /** Keep the seed for the next one. */
  readonly seedLocked: boolean;
  /** As typed; empty: the model's default. */
  readonly sampling: Readonly<Record<SamplingNumber, string>> & { readonly deterministic: boolean };
  readonly title: string;
  /** Separated by commas. */
  readonly tags: string;
  /** Extend: milliseconds; null: the model's own clip length. */
  readonly extraMs: number | null;
  /** Edit: the first frame that is made new. */
  readonly fromFrame: number;
  /** Inpaint: which of the next two counts. */
  readonly markWith: 'rectangle' | 'brush';
  readonly rectangle: Rectangle;
  /** Id of the uploaded mask; null while nothing is painted. */
  readonly mask: string | null;
  /** Outpaint. */
  readonly padding: Padding;
}

export type SamplingNumber = 'temperature' | 'topK' | 'topP' | 'guidance';
export const SAMPLING_NUMBERS = ['temperature', 'topK', 'topP', 'guidance'] as const satisfies readonly SamplingNumber[];

export const EMPTY_DRAFT: Draft = {
  prompt: '',
  task: 'textToVideo',
  source: null,
  camera: '',
  style: '',
  durationMs: null,
  upscale: false,
  withAudio: false,
  soundAlone: false,
  candidates: 1,
  seed: '',
  seedLocked: false,
  sampling: { temperature: '', topK: '', topP: '', guidance: '', deterministic: false },
  title: '',
  tags: '',
  extraMs: null,
  fromFrame: 8,
  markWith: 'rectangle',
  rectangle: { x: 0.25, y: 0.25, width: 0.5, height: 0.5 },
  mask: null,
  padding: { left: 0.25, right: 0.25, top: 0.25, bottom: 0.25 },
};

/** The first frame that is made new: one of the clip's, but its first. */
export function editFrame(fromFrame: number, { frameCount }: Pick<VideoAsset, 'frameCount'>): number {
  return Math.min(Math.max(1, fromFrame), frameCount - 1);
}

/** What was set for another source, as far as this one goes. */
export function withinSource(draft: Draft, source: Asset): Draft {
  return source.__typename === 'VideoAsset' ? { ...draft, fromFrame: editFrame(draft.fromFrame, source) } : draft;
}

/** The request that a draft stands for. */
export function toInput(draft: Draft): GenerateInput {
  const { task, camera, prompt } = draft;
  const wordless = {
    candidates: draft.candidates,
    ...given('title', draft.title),
    ...(draft.seedLocked && draft.seed.trim() !== '' ? { seed: Number(draft.seed) } : {}),
    ...samplingOf(draft),
    ...(tagsOf(draft.tags).length === 0 ? {} : { tags: tagsOf(draft.tags) }),
  };
  const common = { ...wordless, prompt, ...given('style', draft.style), ...(draft.upscale ? { upscale: 'TWO' as const } : {}) };
  const moving = { ...common, ...given('camera', camera) };
  const timed = { ...moving, ...(draft.durationMs === null ? {} : { durationMs: draft.durationMs }) };
  // Without its source the task would be refused anyway; the server says so in words.
  const source = draft.source ?? '';
  switch (task) {
    case 'textToImage':
      return { textToImage: common };
    case 'textToVideo':
      return { textToVideo: { ...timed, ...(draft.withAudio ? { withAudio: true } : {}) } };
    case 'textToAudio':
      return { textToAudio: { ...wordless, prompt } };
    case 'imageToVideo':
      return { imageToVideo: { ...timed, image: source } };
    case 'extendVideo': {
      const { prompt: next, ...rest } = moving;
      return { extendVideo: { ...rest, ...given('prompt', next), video: source, ...(draft.extraMs === null ? {} : { extraMs: draft.extraMs }) } };
    }
    case 'editVideo':
      return { editVideo: { ...moving, video: source, fromFrame: draft.fromFrame } };
    case 'inpaintVideo':
      return { inpaintVideo: { ...moving, video: source, mask: draft.markWith === 'rectangle' || draft.mask === null ? { rectangle: draft.rectangle } : { asset: draft.mask } } };
    case 'outpaintVideo':
      return { outpaintVideo: { ...moving, video: source, padding: draft.padding } };
    case 'stylizeVideo':
      return { stylizeVideo: { ...common, video: source } };
    case 'videoToAudio':
      return { videoToAudio: { ...wordless, ...given('prompt', prompt), video: source, muxed: !draft.soundAlone } };
    case 'videoToText':
      return { videoToText: { ...wordless, video: source } };
    case 'audioToVideo': {
      const { prompt: _shown, ...rest } = moving;
      return { audioToVideo: { ...rest, ...given('prompt', prompt), audio: source } };
    }
    case 'audioToText':
      return { audioToText: { ...wordless, audio: source } };
  }
}

function given<Name extends string>(name: Name, text: string): Partial<Record<Name, string>> {
  const trimmed = text.trim();
  return trimmed === '' ? {} : ({ [name]: trimmed } as Record<Name, string>);
}

function samplingOf({ sampling }: Draft): { readonly sampling: SamplingInput } | null {
  const numbers = SAMPLING_NUMBERS.filter((name) => sampling[name].trim() !== '').map((name) => [name, Number(sampling[name])] as const);
  if (numbers.length === 0 && !sampling.deterministic) return null;
  return { sampling: { ...Object.fromEntries(numbers), ...(sampling.deterministic ? { deterministic: true } : {}) } };
}

export function tagsOf(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))];
}

/** Everything needed to make the same thing again, the seed locked. */
export function draftOf(job: Pick<Job, 'input' | 'seed' | 'task'>): Draft {
  const { input, seed } = job;
  const task = choiceOf(job.task) ?? 'textToVideo';
  const sampling = inputField(input, 'sampling');
  const number = (name: SamplingNumber) => inputNumber(sampling, name)?.toString() ?? '';
  const tags = inputField(input, 'tags');
  const mask = inputField(input, 'mask');
  return {
    ...EMPTY_DRAFT,
    prompt: inputText(input, 'prompt') ?? '',
    task,
    source: TASKS[task].from === null ? null : inputText(input, TASKS[task].from.toLowerCase()),
    camera: inputText(input, 'camera') ?? '',
    style: inputText(input, 'style') ?? '',
    durationMs: inputNumber(input, 'durationMs'),
    upscale: inputField(input, 'upscale') === 'TWO',
    withAudio: inputField(input, 'withAudio') === true,
    soundAlone: task === 'videoToAudio' && inputField(input, 'muxed') !== true,
    candidates: inputNumber(input, 'candidates') ?? 1,
    seed: String(seed),
    seedLocked: true,
    sampling: { temperature: number('temperature'), topK: number('topK'), topP: number('topP'), guidance: number('guidance'), deterministic: inputField(sampling, 'deterministic') === true },
    title: inputText(input, 'title') ?? '',
    tags: Array.isArray(tags) ? tags.join(', ') : '',
    extraMs: inputNumber(input, 'extraMs'),
    fromFrame: inputNumber(input, 'fromFrame') ?? EMPTY_DRAFT.fromFrame,
    markWith: inputText(mask, 'asset') === null ? 'rectangle' : 'brush',
    mask: inputText(mask, 'asset'),
    rectangle: { ...EMPTY_DRAFT.rectangle, ...(inputField(mask, 'rectangle') as Partial<Rectangle> | undefined) },
    padding: { ...EMPTY_DRAFT.padding, ...(inputField(input, 'padding') as Partial<Padding> | undefined) },
  };
}
