import type { Output } from '../core/output.ts';
import type { StepInput } from '../core/step-input.ts';
import type { TaskSpec } from '../core/task-spec.ts';
import type { VideoGrid } from './video-grid.ts';

export interface VideoOutputOptions {
  readonly spec: TaskSpec;
  /** A code `a * B + b` per position that is given, `UNKNOWN` where one is drawn. Default: all are drawn. */
  readonly forced?: Int32Array | undefined;
  /** What the model sees beside its own output: a code per position, `UNKNOWN` where none is known. Default: nothing is. */
  readonly condition?: Int32Array | undefined;
}

/** A clip, or a window of one, in raster order. */
export class VideoOutput implements Output {
  readonly kind = 'video';
  readonly spec: TaskSpec;
  readonly total: number;
  /** `[positions, 2]`, sub-tokens a and b. */
  readonly codes: Int32Array;
  readonly forced: Int32Array | undefined;
  readonly condition: Int32Array | undefined;
  readonly #grid: VideoGrid;

  constructor(grid: VideoGrid, { spec, forced, condition }: VideoOutputOptions) {
    this.spec = spec;
    this.total = spec.positions;
    this.codes = new Int32Array(2 * spec.positions);
    this.#grid = grid;
    this.forced = forced;
    this.condition = condition;
  }

  describe(position: number, input: StepInput, row: number): void {
    this.#grid.write({ codes: this.codes, condition: this.condition }, position, input, row);
  }

  take(position: number, code: number): boolean {
    this.codes.set(this.#grid.split(code), 2 * position);
    return false;
  }
}
