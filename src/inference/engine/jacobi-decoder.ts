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

export class JacobiDecoder {
  readonly #parts: JacobiDecoderParts;

  constructor(parts: JacobiDecoderParts) {
    this.#parts = parts;
  }

  /** Whether it draws the sequence: always or never, so that a clip takes the same route whatever runs beside it. */
  takes(sequence: Sequence): boolean {
    return sequence.input.output instanceof VideoOutput;
  }

  /** Codes of the next positions, one at least, for the engine to append. The rows of `sequence` lie in the slots from `firstSlot` on. Writes guesses into its output. */
  async run(sequence: Sequence, firstSlot: number): Promise<readonly number[]> {
    const output = sequence.input.output as VideoOutput;
    const count = Math.min(this.#parts.positions, sequence.total - sequence.done);
    this.#guess(sequence, output, sequence.done + count);
    const drawn = await this.#draw(sequence, output, count, firstSlot);
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

  /** What each of the next `count` positions draws when the guesses before it are right. */
  async #draw(sequence: Sequence, output: VideoOutput, count: number, firstSlot: number): Promise<number[]> {
    const { model, caches, layout, grid, drawer } = this.#parts;
    const told = layout.empty(count);
    for (let i = 0; i < count; i += 1) output.describe(sequence.done + i, told, i);
    const rows: DecodeOutput[] = [];
    // Several positions with a past come from one row at a time.
    for (let row = 0; row < sequence.rows; row += 1) rows.push(await model.ahead(told, sequence.cacheLength(row), caches.slots.view(firstSlot + row, 1)));
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
