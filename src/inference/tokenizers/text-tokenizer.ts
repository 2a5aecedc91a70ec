/** Byte-level BPE as docs/BUNDLE.md fixes it (Sennrich et al. 2016, arXiv 1508.07909, on UTF-8 bytes). */
import { z } from 'zod';
import { CinegraphError } from '../../errors.ts';

const PRE_TOKEN = / ?[a-z0-9]+|[^]/gu;
const BYTES = 256;

const fileSchema = z.object({
  version: z.literal(1),
  type: z.literal('byte-level-bpe'),
  lowercase: z.literal(true),
  pattern: z.literal('words'),
  size: z.int().min(BYTES).max(65_536),
  vocab: z.array(z.string().regex(/^([0-9a-f]{2})+$/)),
  merges: z.array(z.tuple([z.int().nonnegative(), z.int().nonnegative()])),
});

/** NFKC, lower case, runs of white space to one space, trimmed. */
export function normalizeText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').replace(/^ | $/g, '');
}

export class TextTokenizer {
  readonly size: number;
  /** `left * size + right` to merge rank; the piece made is `256 + rank`. */
  readonly #ranks: ReadonlyMap<number, number>;
  readonly #pieces: readonly Buffer[];

  private constructor(size: number, ranks: ReadonlyMap<number, number>, pieces: readonly Buffer[]) {
    this.size = size;
    this.#ranks = ranks;
    this.#pieces = pieces;
  }

  /** Parses the text of text-tokenizer.json. Throws BUNDLE_CORRUPT. */
  static parse(text: string, file = 'text-tokenizer.json'): TextTokenizer {
    const parsed = fileSchema.safeParse(jsonOrUndefined(text));
    if (!parsed.success) throw corrupt(file, z.prettifyError(parsed.error));
    const { size, vocab, merges } = parsed.data;
    if (vocab.length !== size || merges.length !== size - BYTES) {
      throw corrupt(file, `size is ${size} but there are ${vocab.length} pieces and ${merges.length} merges`);
    }
    const ranks = new Map<number, number>();
    merges.forEach(([left, right], rank) => {
      const piece = BYTES + rank;
      if (left >= piece || right >= piece || vocab[piece] !== `${vocab[left]}${vocab[right]}`) {
        throw corrupt(file, `merge ${rank} does not make piece ${piece}`);
      }
      if (!ranks.has(left * size + right)) ranks.set(left * size + right, rank);
    });
    return new TextTokenizer(
      size,
      ranks,
      vocab.map((hex) => Buffer.from(hex, 'hex')),
    );
  }

  /** Piece ids of the normalised text; no special tokens, not truncated. */
  encode(text: string): number[] {
    const words = normalizeText(text).match(PRE_TOKEN) ?? [];
    return words.flatMap((word) => this.#encodeWord(word));
  }

  /** The normalised text of piece ids. */
  decode(ids: readonly number[]): string {
    return Buffer.concat(ids.map((id) => this.#pieces[id] ?? Buffer.alloc(0))).toString('utf8');
  }

  #encodeWord(word: string): number[] {
    let pieces = [...Buffer.from(word, 'utf8')];
    for (;;) {
      const rank = this.#lowestRank(pieces);
      if (rank === undefined) return pieces;
      pieces = this.#merge(pieces, rank);
    }
  }

  #rank(pieces: readonly number[], at: number): number | undefined {
    const [left, right] = [pieces[at], pieces[at + 1]];
    return left === undefined || right === undefined ? undefined : this.#ranks.get(left * this.size + right);
  }

  #lowestRank(pieces: readonly number[]): number | undefined {
    let lowest: number | undefined;
    for (let at = 0; at + 1 < pieces.length; at += 1) {
      const rank = this.#rank(pieces, at);
      if (rank !== undefined && (lowest === undefined || rank < lowest)) lowest = rank;
    }
    return lowest;
  }

  /** Every pair of that rank, left to right, replaced by its piece. */
  #merge(pieces: readonly number[], rank: number): number[] {
    const merged: number[] = [];
    for (let at = 0; at < pieces.length; at += 1) {
      if (this.#rank(pieces, at) === rank) {
        merged.push(BYTES + rank);
        at += 1;
      } else {
        merged.push(pieces[at] as number);
      }
    }
    return merged;
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function corrupt(file: string, what: string): CinegraphError {
  return new CinegraphError('BUNDLE_CORRUPT', `The model bundle cannot be used: ${file}: ${what}.`);
}
