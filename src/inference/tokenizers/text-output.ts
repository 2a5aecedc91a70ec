import type { Manifest } from '../core/manifest.ts';
import type { Output } from '../core/output.ts';
import type { StepInput } from '../core/step-input.ts';
import type { TokenLayout } from './token-layout.ts';

/** A text: pieces of the text tokenizer, then the end. */
export class TextOutput implements Output {
  readonly kind = 'text';
  readonly total: number;
  /** Pieces. */
  readonly codes: Int32Array;
  /** What is drawn where the text ends. */
  readonly end: number;
  readonly #layout: TokenLayout;
  readonly #start: number;

  constructor({ text, languageModel }: Pick<Manifest, 'text' | 'languageModel'>, layout: TokenLayout) {
    this.total = text.maxTokens;
    this.codes = new Int32Array(this.total);
    this.end = languageModel.rows.text.size;
    this.#layout = layout;
    this.#start = languageModel.rows.text.start;
  }

  describe(position: number, input: StepInput, row: number): void {
    if (position > 0) this.#layout.setRows(input, row, this.#start + (this.codes[position - 1] as number));
  }

  take(position: number, code: number): boolean {
    this.codes[position] = code;
    return code === this.end;
  }
}
