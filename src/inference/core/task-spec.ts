/** What a task means in tokens: how far it generates and which output entries it may draw from. */
import { CinegraphError } from '../../errors.ts';
import type { ModelTask } from './generation.ts';
import type { Manifest } from './manifest.ts';

/** Entries `[start, start + size)` of the output vocabulary. */
export interface OutputRange {
  readonly start: number;
  readonly size: number;
}

export interface TaskSpec {
  readonly task: ModelTask;
  /** Row id that tells the model the task. */
  readonly taskRow: number;
  /** Row id of the prefix' last token, which says what comes out. */
  readonly opener: number;
  /** The model sees the condition grid, not only what came before: what is known of the clip, or its control video. */
  readonly conditioned: boolean;
  /** `[T, H, W]` of one sequence; an image is one latent frame. */
  readonly grid: readonly [number, number, number];
  /** Positions to generate, `T * H * W`. */
  readonly positions: number;
  /** The only output entries that may be drawn for sub-token `a`. */
  readonly outputRange: OutputRange;
}

/** `latents`: latent frames of the sequence, at most the grid's. Throws TASK_NOT_SUPPORTED when the bundle was not trained for the task. */
export function taskSpec(manifest: Manifest, task: ModelTask, latents: number = clipLatents(manifest, task)): TaskSpec {
  const { rows, outputRanges } = manifest.languageModel;
  const taskRow = rows.tasks[task];
  if (!manifest.tasks.includes(task) || taskRow === undefined) {
    throw new CinegraphError('TASK_NOT_SUPPORTED', `The model ${manifest.name} cannot do ${task}; it can do ${manifest.tasks.join(', ')}.`);
  }
  const opener = openerOf(task, rows.special);
  const [, height, width] = manifest.video.grid;
  const grid = [latents, height, width] as const;
  const conditioned = task === 'INPAINT_VIDEO' || task === 'OUTPAINT_VIDEO' || task === 'STYLIZE_VIDEO';
  return { task, taskRow, opener, conditioned, grid, positions: grid[0] * height * width, outputRange: outputRanges.video };
}

function openerOf(task: ModelTask, { bov, boa = bov, bot_o: text = bov }: Manifest['languageModel']['rows']['special']): number {
  if (task.endsWith('TO_AUDIO')) return boa;
  return task.endsWith('TO_TEXT') ? text : bov;
}

/** Latent frames of a clip of the model's own length. */
export function clipLatents(manifest: Manifest, task: ModelTask): number {
  return task === 'TEXT_TO_IMAGE' ? 1 : manifest.video.grid[0];
}
