/** What can be made, and from what. Pure. */
import type { AssetKind, Task } from '../../../src/client/index.ts';

export type TaskChoice =
  | 'textToVideo'
  | 'textToImage'
  | 'textToAudio'
  | 'imageToVideo'
  | 'extendVideo'
  | 'editVideo'
  | 'inpaintVideo'
  | 'outpaintVideo'
  | 'stylizeVideo'
  | 'videoToAudio'
  | 'videoToText'
  | 'audioToVideo'
  | 'audioToText';

interface TaskInfo {
  readonly task: Task;
  readonly label: string;
  /** What has to be attached. */
  readonly from: Extract<AssetKind, 'VIDEO' | 'IMAGE' | 'AUDIO'> | null;
  readonly help: string;
  /** What it can be told in words. */
  readonly words: readonly ('prompt' | 'style' | 'camera')[];
}

const ALL = ['prompt', 'style', 'camera'] as const;

export const TASKS: Readonly<Record<TaskChoice, TaskInfo>> = {
  textToVideo: { task: 'TEXT_TO_VIDEO', label: 'Clip', from: null, help: '', words: ALL },
  textToImage: { task: 'TEXT_TO_IMAGE', label: 'Picture', from: null, help: '', words: ['prompt', 'style'] },
  textToAudio: { task: 'TEXT_TO_AUDIO', label: 'Sound', from: null, help: '', words: ['prompt'] },
  imageToVideo: { task: 'IMAGE_TO_VIDEO', label: 'Animate', from: 'IMAGE', help: 'The picture becomes the first frame. Say what happens next.', words: ALL },
  extendVideo: { task: 'EXTEND_VIDEO', label: 'Extend', from: 'VIDEO', help: 'Goes on from the last frames. Say what happens next, or leave the prompt as it was.', words: ALL },
  editVideo: { task: 'EDIT_VIDEO', label: 'Edit', from: 'VIDEO', help: 'Move to the frame from which it shall go on another way, and say how.', words: ALL },
  inpaintVideo: { task: 'INPAINT_VIDEO', label: 'Inpaint', from: 'VIDEO', help: 'Mark what shall be made new, and say what the whole clip should show.', words: ALL },
  outpaintVideo: { task: 'OUTPAINT_VIDEO', label: 'Outpaint', from: 'VIDEO', help: 'Pull the frame outwards, and say what the whole clip should show.', words: ALL },
  stylizeVideo: { task: 'STYLIZE_VIDEO', label: 'Stylize', from: 'VIDEO', help: 'Keeps what is there and how it moves. Choose a style, or say what the whole clip should show.', words: ['prompt', 'style'] },
  videoToAudio: { task: 'VIDEO_TO_AUDIO', label: 'Add sound', from: 'VIDEO', help: 'Makes a sound that fits the clip. Say what is to be heard, or let the picture decide.', words: ['prompt'] },
  videoToText: { task: 'VIDEO_TO_TEXT', label: 'Describe', from: 'VIDEO', help: 'Says in a sentence what can be seen.', words: [] },
  audioToVideo: { task: 'AUDIO_TO_VIDEO', label: 'Clip to it', from: 'AUDIO', help: 'Makes a clip that fits the sound, which becomes its sound track. Say what it should show, or let the sound decide.', words: ALL },
  audioToText: { task: 'AUDIO_TO_TEXT', label: 'Describe', from: 'AUDIO', help: 'Says in a sentence what can be heard.', words: [] },
};

export const CHOICES = Object.keys(TASKS) as readonly TaskChoice[];

/** Makes frames, which the strip shows one by one; the others make a sound or a sentence. */
const WITHOUT_FRAMES: ReadonlySet<Task> = new Set<Task>(['TEXT_TO_AUDIO', 'VIDEO_TO_AUDIO', 'VIDEO_TO_TEXT', 'AUDIO_TO_TEXT']);

export function hasFrames(task: Task): boolean {
  return !WITHOUT_FRAMES.has(task);
}

/** The tasks for what is attached that the model can do, all while it is not known yet. */
export function choicesFor(kind: string | null, modelTasks: readonly Task[] | undefined): TaskChoice[] {
  return CHOICES.filter((choice) => TASKS[choice].from === kind && (modelTasks?.includes(TASKS[choice].task) ?? true));
}

/** The task for what is attached: as chosen, else the first that the model does, else the first of all. */
export function fittingTask(kind: string, chosen: TaskChoice, modelTasks: readonly Task[] | undefined): TaskChoice {
  const choices = choicesFor(kind, modelTasks);
  return choices.find((choice) => choice === chosen) ?? choices[0] ?? choicesFor(kind, undefined)[0] ?? chosen;
}

/** The task of that name that is made from something; null for another name. */
export function choiceNamed(name: string | null): TaskChoice | null {
  return CHOICES.find((choice) => choice === name && TASKS[choice].from !== null) ?? null;
}

export function choiceOf(task: Task): TaskChoice | null {
  return CHOICES.find((choice) => TASKS[choice].task === task) ?? null;
}
