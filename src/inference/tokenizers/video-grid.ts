/** Layout of video codes on the grid `[T, H, W]`, and what describes one position to the language model (docs/BUNDLE.md, "Language model"). */
import { UNKNOWN } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { StepInput } from '../core/step-input.ts';

export interface Coordinates {
  readonly t: number;
  readonly y: number;
  readonly x: number;
}

/** What a position can see. */
export interface Surroundings {
  /** `[positions, 2]`; only entries before the position are read, since every context of the output points backwards. Undefined: there is no output. */
  readonly codes: Int32Array | undefined;
  /** A code per position of the sequence, `UNKNOWN` where none is known; undefined: nothing is known. */
  readonly condition?: Int32Array | undefined;
}

export class VideoGrid {
  readonly height: number;
  readonly width: number;
  /** C: places around a position that the model looks at. */
  readonly contexts: number;
  /** The code that stands for none. */
  readonly nullCode: number;
  readonly #rows: Manifest['languageModel']['rows'];
  readonly #second: number;

  constructor({ video, languageModel }: Pick<Manifest, 'video' | 'languageModel'>) {
    [, this.height, this.width] = video.grid;
    this.#rows = languageModel.rows;
    this.#second = video.subCodebooks[1];
    this.nullCode = video.subCodebooks[0] * video.subCodebooks[1];
    this.contexts = languageModel.rows.contexts.length;
  }

  /** Positions of one latent frame, `H * W`. */
  get frameSize(): number {
    return this.height * this.width;
  }

  coordinates(position: number): Coordinates {
    const inFrame = position % this.frameSize;
    return { t: Math.floor(position / this.frameSize), y: Math.floor(inFrame / this.width), x: inFrame % this.width };
  }

  /** Writes what describes `position` into row `row` of `input`. */
  write({ codes, condition }: Surroundings, position: number, input: StepInput, row: number): void {
    const { t, y, x } = this.coordinates(position);
    const { positions, contexts } = this.#rows;
    const at = row * (3 + this.contexts);
    input.rowIds[at] = BigInt(positions.t + t);
    input.rowIds[at + 1] = BigInt(positions.y + y);
    input.rowIds[at + 2] = BigInt(positions.x + x);
    contexts.forEach(({ offset, source, a }, i) => {
      const place = this.#positionAt(t + offset[0], y + offset[1], x + offset[2]);
      const code = source === 'output' ? this.#outputCode(codes, place) : (place === undefined ? UNKNOWN : (condition?.[place] ?? UNKNOWN));
      const known = code === UNKNOWN ? this.nullCode : code;
      input.rowIds[at + 3 + i] = BigInt(a + Math.floor(known / this.#second));
      input.codeIds[row * this.contexts + i] = BigInt(known);
    });
  }

  /** One number for a pair of sub-tokens. */
  join(a: number, b: number): number {
    return a * this.#second + b;
  }

  /** The pair of sub-tokens of a code. */
  split(code: number): readonly [number, number] {
    return [Math.floor(code / this.#second), code % this.#second];
  }

  #outputCode(codes: Int32Array | undefined, place: number | undefined): number {
    return place === undefined || codes === undefined ? UNKNOWN : this.join(codes[2 * place] as number, codes[2 * place + 1] as number);
  }

  /** Raster index, undefined outside the grid; later than the sequence is for the caller to see. */
  #positionAt(t: number, y: number, x: number): number | undefined {
    if (t < 0 || y < 0 || y >= this.height || x < 0 || x >= this.width) return undefined;
    return (t * this.height + y) * this.width + x;
  }
}
