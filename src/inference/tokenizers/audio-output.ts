import type { Output } from '../core/output.ts';
import type { StepInput } from '../core/step-input.ts';
import type { AudioGrid } from './audio-grid.ts';

/** A sound of a clip's length, of which the first codes may be given: the end of what comes before. */
export class AudioOutput implements Output {
  readonly kind = 'audio';
  readonly total: number;
  /** `[F, levels]` */
  readonly codes: Int32Array;
  readonly forced: Int32Array;
  readonly #grid: AudioGrid;

  constructor(grid: AudioGrid, forced: Int32Array = new Int32Array(0)) {
    this.total = grid.framesPerClip * grid.levels;
    this.codes = new Int32Array(this.total);
    this.#grid = grid;
    this.forced = forced;
  }

  /** Level of a position's code. */
  level(position: number): number {
    return this.#grid.level(position);
  }

  describe(position: number, input: StepInput, row: number): void {
    this.#grid.write(this.codes, position, input, row);
  }

  take(position: number, code: number): boolean {
    this.codes[position] = code;
    return false;
  }
}
