/**
 * Draws several positions of a clip in one run of the model: Jacobi decoding (Santilli et al., arXiv 2305.10427; of pictures: Teng et al., "speculative Jacobi decoding",
 * arXiv 2410.01699) with fixed random numbers. The random number of a position is that of its place, so its code is a function of the codes before it, and what one
 * position at a time would draw is the fixed point of drawing all of them from guesses. Nothing is rejected by chance: the clip is the same.
 *
 * What is drawn behind right guesses is right, and so is the code that the first wrong guess should have been. What was drawn after it are the next guesses.
 */
import type { Sequence } from '../core/sequence.ts';
import type { Caches } from '../kv-cache/caches.ts';
import type { DecodeOutput, LanguageModel } from '../models/language-model.ts';
import { legalLogits } from '../sampling/logits.ts';
import type { TokenLayout } from '../tokenizers/token-layout.ts';
import type { VideoGrid } from '../tokenizers/video-grid.ts';
import { VideoOutput } from '../tokenizers/video-output.ts';
import { STREAM, type CodeDrawer } from './code-drawer.ts';

export interface JacobiDecoderParts {
  readonly model: LanguageModel;
  readonly caches: Caches;
  readonly layout: TokenLayout;
  readonly grid: VideoGrid;
  readonly drawer: CodeDrawer;
  /** Positions of a run. */
  readonly positions: number;
}

/** A sequence that is drawn, and the slot of its first row. */
export interface AheadTurn {
  readonly sequence: Sequence;
  readonly firstSlot: number;
}

/** A turn with the positions that it draws. */
interface Window extends AheadTurn {
  readonly output: VideoOutput;
  readonly count: number;
}

export class JacobiDecoder {
  /** Of how many rows one run computes positions. */
  readonly rowsAhead: number;
  readonly #parts: JacobiDecoderParts;

  constructor(parts: JacobiDecoderParts) {
    this.#parts = parts;
    this.rowsAhead = parts.model.rowsAhead;
  }

  /** Whether it draws the sequence: always or never, so that a clip takes the same route whatever runs beside it. */
  takes(sequence: Sequence): boolean {
    return sequence.input.output instanceof VideoOutput;
  }

  /**
   * Codes of the next positions of each sequence, one at least, for the engine to append. They share runs: `rowsAhead` rows each. How many positions of a sequence a run
   * draws does not depend on the others, and no row's result on the rows beside it (engine/ahead-invariance.ts). Writes guesses into the outputs.
   */
  async run(turns: readonly AheadTurn[]): Promise<readonly (readonly number[])[]> {
    const windows = turns.map((turn): Window => {
      const { sequence } = turn;
      return { ...turn, output: sequence.input.output as VideoOutput, count: Math.min(this.#parts.positions, sequence.total - sequence.done) };
    });
    for (const { sequence, output, count } of windows) this.#guess(sequence, output, sequence.done + count);
    const rows = await this.#predict(windows);
    const codes: (readonly number[])[] = [];
    for (const [i, window] of windows.entries()) codes.push(this.#accept(window, await this.#draw(window, rows[i] as readonly DecodeOutput[])));
    return codes;
  }

  /** Takes what was drawn as the next guesses; the codes that are right. */
  #accept({ sequence, output }: Window, drawn: readonly number[]): readonly number[] {
    const codes = drawn.map((code, i) => sequence.givenAt(sequence.done + i) ?? code);
    const wrong = codes.findIndex((code, i) => code !== this.#codeAt(output, sequence.done + i));
    codes.forEach((code, i) => output.take(sequence.done + i, code));
    return wrong < 0 ? codes : codes.slice(0, wrong + 1);
  }

  /** Positions before `end` that nobody has guessed yet: as in the latent frame before, in the first one as left of them, or above. */
  #guess(sequence: Sequence, output: VideoOutput, end: number): void {
    const { frameSize, width } = this.#parts.grid;
    for (let position = Math.max(sequence.done, sequence.guessed); position < end; position += 1) {
      const like = position >= frameSize ? position - frameSize : position % width > 0 ? position - 1 : Math.max(0, position - width);
      output.take(position, sequence.givenAt(position) ?? this.#codeAt(output, like));
    }
    sequence.guessed = end;
  }

  /** What the positions of each window predict, one output for each row of its sequence. */
  async #predict(windows: readonly Window[]): Promise<readonly (readonly DecodeOutput[])[]> {
    const rows = windows.flatMap((window) => Array.from({ length: window.sequence.rows }, (_, row) => ({ window, row })));
    const outputs: DecodeOutput[] = [];
    for (let first = 0; first < rows.length; first += this.rowsAhead) outputs.push(...(await this.#runOnce(rows.slice(first, first + this.rowsAhead))));
    let row = 0;
    return windows.map(({ sequence }) => outputs.slice(row, (row += sequence.rows)));
  }

  async #runOnce(rows: readonly { readonly window: Window; readonly row: number }[]): Promise<DecodeOutput[]> {
    const { model, caches, layout } = this.#parts;
    const total = rows.reduce((sum, { window }) => sum + window.count, 0);
    const told = layout.empty(total);
    let at = 0;
    for (const { window } of rows) for (let i = 0; i < window.count; i += 1) window.output.describe(window.sequence.done + i, told, at++);
    const { logits, hidden } = await model.ahead(
      told,
      rows.map(({ window: { sequence, firstSlot, count }, row }) => ({ count, length: sequence.cacheLength(row), cache: caches.slots.view(firstSlot + row, 1) })),
    );
    let first = 0;
    return rows.map(({ window: { count } }) => {
      const cut = (all: Float32Array): Float32Array => all.subarray((first * all.length) / total, ((first + count) * all.length) / total);
      const own = { logits: cut(logits), hidden: cut(hidden) };
      first += count;
      return own;
    });
  }

  /** What each position of the window draws when the guesses before it are right, from what its rows predict. */
  async #draw({ sequence, output, count }: Window, rows: readonly DecodeOutput[]): Promise<number[]> {
    const { model, grid, drawer } = this.#parts;
    const at = (all: Float32Array, i: number): Float32Array => all.subarray((i * all.length) / count, ((i + 1) * all.length) / count);
    const draw = (stream: number, logitsAt: (i: number) => readonly Float32Array[]): number[] =>
      Array.from({ length: count }, (_, i) => drawer.draw(sequence, sequence.done + i, stream, logitsAt(i)));
    const first = draw(STREAM.a, (i) => rows.map(({ logits }) => legalLogits(at(logits, i), output.spec.outputRange)));
    // Both rows of a guided pair go on with the same token.
    const a = BigInt64Array.from(first, BigInt);
    const heads: Float32Array[] = [];
    for (const { hidden } of rows) heads.push(await model.head(hidden, a));
    const second = draw(STREAM.b, (i) => heads.map((logits) => at(logits, i)));
    return first.map((code, i) => grid.join(code, second[i] as number));
  }

  #codeAt({ codes }: VideoOutput, position: number): number {
    return this.#parts.grid.join(codes[2 * position] as number, codes[2 * position + 1] as number);
  }
}
