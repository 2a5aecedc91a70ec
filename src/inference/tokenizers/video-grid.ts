/** Layout of video codes on the grid `[T, H, W]`, and the embedding rows that describe one position (docs/BUNDLE.md, "Language model"). */
import type { Manifest } from '../core/manifest.ts';

export interface Coordinates {
  readonly t: number;
  readonly y: number;
  readonly x: number;
}

export class VideoGrid {
  readonly height: number;
  readonly width: number;
  /** K: embedding rows summed for one position, 3 coordinates and 2 sub-tokens per context. */
  readonly rowsPerPosition: number;
  readonly #rows: Manifest['languageModel']['rows'];
  readonly #nulls: readonly [number, number];

  constructor({ video, languageModel }: Pick<Manifest, 'video' | 'languageModel'>) {
    [, this.height, this.width] = video.grid;
    this.#rows = languageModel.rows;
    this.#nulls = video.subCodebooks;
    this.rowsPerPosition = 3 + 2 * languageModel.rows.contexts.length;
  }

  /** Positions of one latent frame, `H * W`. */
  get frameSize(): number {
    return this.height * this.width;
  }

  coordinates(position: number): Coordinates {
    const inFrame = position % this.frameSize;
    return { t: Math.floor(position / this.frameSize), y: Math.floor(inFrame / this.width), x: inFrame % this.width };
  }

  /**
   * Writes the K row ids of `position` into `out` from `at` on. `codes` is `[positions, 2]`; only entries before `position` are read,
   * since every context points backwards.
   */
  writeRows(codes: Int32Array, position: number, out: BigInt64Array, at: number): void {
    const { t, y, x } = this.coordinates(position);
    const { positions, contexts } = this.#rows;
    out[at] = BigInt(positions.t + t);
    out[at + 1] = BigInt(positions.y + y);
    out[at + 2] = BigInt(positions.x + x);
    let next = at + 3;
    for (const { offset, a, b } of contexts) {
      const source = this.#positionAt(t + offset[0], y + offset[1], x + offset[2]);
      out[next] = BigInt(a + (source === undefined ? this.#nulls[0] : (codes[2 * source] as number)));
      out[next + 1] = BigInt(b + (source === undefined ? this.#nulls[1] : (codes[2 * source + 1] as number)));
      next += 2;
    }
  }

  /** Raster index, undefined outside the grid. Contexts never point forwards, so `t` has no upper check. */
  #positionAt(t: number, y: number, x: number): number | undefined {
    if (t < 0 || y < 0 || y >= this.height || x < 0 || x >= this.width) return undefined;
    return (t * this.height + y) * this.width + x;
  }
}
