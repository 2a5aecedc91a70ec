/** What can be made, and from what. Pure. */
import type { Task } from '../../../src/client/index.ts';

export type TaskChoice = 'textToVideo' | 'textToImage' | 'imageToVideo' | 'extendVideo' | 'editVideo' | 'inpaintVideo' | 'outpaintVideo';

interface TaskInfo {
  readonly task: Task;
  readonly label: string;
  /** What has to be attached. */
  readonly from: 'VIDEO' | 'IMAGE' | null;
  readonly help: string;
}

export const TASKS: Readonly<Record<TaskChoice, TaskInfo>> = {
  textToVideo: { task: 'TEXT_TO_VIDEO', label: 'Clip', from: null, help: '' },
  textToImage: { task: 'TEXT_TO_IMAGE', label: 'Picture', from: null, help: '' },
  imageToVideo: { task: 'IMAGE_TO_VIDEO', label: 'Animate', from: 'IMAGE', help: 'The picture becomes the first frame. Say what happens next.' },
  extendVideo: { task: 'EXTEND_VIDEO', label: 'Extend', from: 'VIDEO', help: 'Goes on from the last frames. Say what happens next, or leave the prompt as it was.' },
  editVideo: { task: 'EDIT_VIDEO', label: 'Edit', from: 'VIDEO', help: 'Move to the frame from which it shall go on another way, and say how.' },
  inpaintVideo: { task: 'INPAINT_VIDEO', label: 'Inpaint', from: 'VIDEO', help: 'Mark what shall be made new, and say what the whole clip should show.' },
  outpaintVideo: { task: 'OUTPAINT_VIDEO', label: 'Outpaint', from: 'VIDEO', help: 'Pull the frame outwards, and say what the whole clip should show.' },
};

export const CHOICES = Object.keys(TASKS) as readonly TaskChoice[];

/** The tasks for what is attached that the model can do, all while it is not known yet. */
export function choicesFor(kind: string | null, modelTasks: readonly Task[] | undefined): TaskChoice[] {
  return CHOICES.filter((choice) => TASKS[choice].from === kind && (modelTasks?.includes(TASKS[choice].task) ?? true));
}

export function choiceOf(task: Task): TaskChoice | null {
  return CHOICES.find((choice) => TASKS[choice].task === task) ?? null;
}
