/** How tokens lie in the inputs of the language model's graphs: `N` tokens of `3 + C` table rows, `C` video codes and `A` audio codes. */
import type { Manifest } from '../core/manifest.ts';
import type { Prefix, StepInput } from '../core/step-input.ts';

export class TokenLayout {
  /** Table rows of a token, `3 + C`. */
  readonly rows: number;
  readonly contexts: number;
  readonly audioContexts: number;
  readonly #none: bigint;
  readonly #nullCode: bigint;
  readonly #nullSound: bigint;

  constructor({ video, audio, languageModel }: Pick<Manifest, 'video' | 'audio' | 'languageModel'>) {
    this.contexts = languageModel.rows.contexts.length;
    this.rows = 3 + this.contexts;
    this.audioContexts = languageModel.audioContexts?.length ?? 0;
    // A bundle of format 2 has no row that says nothing; its prefix graph reads one row of each token.
    this.#none = BigInt(languageModel.rows.special.none ?? 0);
    this.#nullCode = BigInt(video.subCodebooks[0] * video.subCodebooks[1]);
    this.#nullSound = BigInt((audio?.levels ?? 0) * (audio?.codebookSize ?? 0));
  }

  /** Tokens that say nothing. */
  empty(count: number): StepInput {
    return {
      rowIds: new BigInt64Array(count * this.rows).fill(this.#none),
      codeIds: new BigInt64Array(count * this.contexts).fill(this.#nullCode),
      audioIds: new BigInt64Array(count * this.audioContexts).fill(this.#nullSound),
    };
  }

  /** Tokens of a single table row each. */
  plain(rows: readonly number[]): StepInput {
    const input = this.empty(rows.length);
    rows.forEach((row, token) => (input.rowIds[token * this.rows] = BigInt(row)));
    return input;
  }

  /** Sets the first table rows of a token. */
  setRows(input: StepInput, token: number, ...rows: readonly number[]): void {
    rows.forEach((row, column) => (input.rowIds[token * this.rows + column] = BigInt(row)));
  }

  /** Sets an audio slot of a token. */
  setSound(input: StepInput, token: number, slot: number, id: number): void {
    input.audioIds[token * this.audioContexts + slot] = BigInt(id);
  }

  /** Copies token `from` to `to`. */
  repeat({ rowIds, codeIds, audioIds }: StepInput, from: number, to: number): void {
    for (const [ids, width] of [[rowIds, this.rows], [codeIds, this.contexts], [audioIds, this.audioContexts]] as const) ids.copyWithin(to * width, from * width, (from + 1) * width);
  }

  /** One after the other. */
  join(...parts: readonly StepInput[]): Prefix {
    const rowIds = joined(parts.map((part) => part.rowIds));
    return { rowIds, codeIds: joined(parts.map((part) => part.codeIds)), audioIds: joined(parts.map((part) => part.audioIds)), length: rowIds.length / this.rows };
  }
}

export function joined(parts: readonly BigInt64Array[]): BigInt64Array {
  const all = new BigInt64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
