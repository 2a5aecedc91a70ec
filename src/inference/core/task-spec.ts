/** What a task means in tokens: how far it generates and which output entries it may draw from. */
import { CinegraphError } from '../../errors.ts';
import type { GenerationTask } from './generation.ts';
import type { Manifest } from './manifest.ts';

/** Entries `[start, start + size)` of the output vocabulary. */
export interface OutputRange {
  readonly start: number;
  readonly size: number;
}

export interface TaskSpec {
  readonly task: GenerationTask;
  /** Row id that tells the model the task. */
  readonly taskRow: number;
  /** `[T, H, W]` of what is generated; an image is one latent frame. */
  readonly grid: readonly [number, number, number];
  /** Positions to generate, `T * H * W`. */
  readonly positions: number;
  /** The only output entries that may be drawn for sub-token `a`. */
  readonly outputRange: OutputRange;
}

/** Throws TASK_NOT_SUPPORTED when the bundle was not trained for the task. */
export function taskSpec(manifest: Manifest, task: GenerationTask): TaskSpec {
  const { rows, outputRanges } = manifest.languageModel;
  const taskRow = rows.tasks[task];
  if (!manifest.tasks.includes(task) || taskRow === undefined) {
    throw new CinegraphError('TASK_NOT_SUPPORTED', `The model ${manifest.name} cannot do ${task}; it can do ${manifest.tasks.join(', ')}.`);
  }
  const [frames, height, width] = manifest.video.grid;
  const grid = [task === 'TEXT_TO_IMAGE' ? 1 : frames, height, width] as const;
  return { task, taskRow, grid, positions: grid[0] * height * width, outputRange: outputRanges.video };
}
