import type {
  AudioToTextInput,
  AudioToVideoInput,
  CreateFilmInput,
  EditVideoInput,
  ExtendVideoInput,
  GenerateInput as GenerateArgument,
  ImageToVideoInput,
  InpaintVideoInput,
  OutpaintVideoInput,
  StylizeVideoInput,
  TextToAudioInput,
  TextToImageInput,
  TextToVideoInput,
  VideoToAudioInput,
  VideoToTextInput,
} from '../generated/graphql.ts';
import type { GenerateInput } from '../services/contract.ts';
import { keyOf } from './global-id.ts';

type Path = readonly string[];

export function textToImage(input: TextToImageInput, path: Path): GenerateInput {
  return { ...input, task: 'TEXT_TO_IMAGE', ...model(input, path) };
}

export function textToVideo(input: TextToVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'TEXT_TO_VIDEO', ...model(input, path) };
}

export function imageToVideo(input: ImageToVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'IMAGE_TO_VIDEO', ...model(input, path), image: asset(input.image, path, 'image') };
}

export function extendVideo(input: ExtendVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'EXTEND_VIDEO', ...model(input, path), video: asset(input.video, path, 'video') };
}

export function inpaintVideo(input: InpaintVideoInput, path: Path): GenerateInput {
  const { asset: mask, rectangle } = input.mask;
  return {
    ...input,
    task: 'INPAINT_VIDEO',
    ...model(input, path),
    video: asset(input.video, path, 'video'),
    mask: mask == null ? { rectangle: rectangle ?? null } : { asset: asset(mask, [...path, 'mask'], 'asset') },
  };
}

export function outpaintVideo(input: OutpaintVideoInput, path: Path): GenerateInput {
  const { left, right, top, bottom } = input.padding;
  const padding = { left: left ?? 0, right: right ?? 0, top: top ?? 0, bottom: bottom ?? 0 };
  return { ...input, task: 'OUTPAINT_VIDEO', ...model(input, path), video: asset(input.video, path, 'video'), padding };
}

export function editVideo(input: EditVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'EDIT_VIDEO', ...model(input, path), video: asset(input.video, path, 'video') };
}

export function stylizeVideo(input: StylizeVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'STYLIZE_VIDEO', ...model(input, path), video: asset(input.video, path, 'video') };
}

export function createFilm(input: CreateFilmInput, path: Path): GenerateInput {
  const shots = input.shots?.map((shot, index) => ({ ...shot, asset: shot.asset == null ? null : asset(shot.asset, [...path, 'shots', String(index)], 'asset') })) ?? null;
  return { ...input, task: 'FILM', ...model(input, path), shots };
}

export function textToAudio(input: TextToAudioInput, path: Path): GenerateInput {
  return { ...input, task: 'TEXT_TO_AUDIO', ...model(input, path) };
}

export function videoToAudio(input: VideoToAudioInput, path: Path): GenerateInput {
  return { ...input, task: 'VIDEO_TO_AUDIO', ...model(input, path), video: asset(input.video, path, 'video') };
}

export function audioToVideo(input: AudioToVideoInput, path: Path): GenerateInput {
  return { ...input, task: 'AUDIO_TO_VIDEO', ...model(input, path), audio: asset(input.audio, path, 'audio') };
}

export function videoToText(input: VideoToTextInput, path: Path): GenerateInput {
  return { ...input, task: 'VIDEO_TO_TEXT', ...model(input, path), video: asset(input.video, path, 'video') };
}

export function audioToText(input: AudioToTextInput, path: Path): GenerateInput {
  return { ...input, task: 'AUDIO_TO_TEXT', ...model(input, path), audio: asset(input.audio, path, 'audio') };
}

/** The task of a @oneOf input: GraphQL has made sure that there is exactly one. */
export function toGenerateInput(input: GenerateArgument): GenerateInput {
  const path = ['input', branchOf(input)];
  if (input.textToImage !== undefined) return textToImage(input.textToImage, path);
  if (input.textToVideo !== undefined) return textToVideo(input.textToVideo, path);
  if (input.imageToVideo !== undefined) return imageToVideo(input.imageToVideo, path);
  if (input.extendVideo !== undefined) return extendVideo(input.extendVideo, path);
  if (input.inpaintVideo !== undefined) return inpaintVideo(input.inpaintVideo, path);
  if (input.outpaintVideo !== undefined) return outpaintVideo(input.outpaintVideo, path);
  if (input.editVideo !== undefined) return editVideo(input.editVideo, path);
  if (input.stylizeVideo !== undefined) return stylizeVideo(input.stylizeVideo, path);
  if (input.textToAudio !== undefined) return textToAudio(input.textToAudio, path);
  if (input.videoToAudio !== undefined) return videoToAudio(input.videoToAudio, path);
  if (input.audioToVideo !== undefined) return audioToVideo(input.audioToVideo, path);
  if (input.videoToText !== undefined) return videoToText(input.videoToText, path);
  if (input.audioToText !== undefined) return audioToText(input.audioToText, path);
  return createFilm(input.createFilm, path);
}

/** The field of a @oneOf input that was given. */
export function branchOf(input: GenerateArgument): string {
  return Object.keys(input)[0] ?? '';
}

function asset(id: string, path: Path, field: string): string {
  return keyOf('Asset', id, [...path, field]);
}

function model(input: { readonly model?: string | null }, path: Path): { readonly model: string | null } {
  return { model: input.model == null ? null : keyOf('Model', input.model, [...path, 'model']) };
}
