/**
 * Cache rows that several sequences begin with: a prompt's prefix, and the given codes after it (a picture, the end of a clip). Computed
 * once, copied into the slots of whoever begins the same way. Bounded; the least recently used goes first. Owner of its copies.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PrefixCache } from '../core/cache-view.ts';
import type { Prefix } from '../core/step-input.ts';
import type { Sequence } from '../core/sequence.ts';

export class PrefixStore {
  readonly #rows: LRUCache<string, PrefixCache>;
  readonly #batchInvariant: boolean;
  readonly #leads = new WeakMap<Sequence, readonly string[]>();
  /** Candidates share a prefix, and every look-up asks for its name. */
  readonly #names = new WeakMap<Prefix, string>();
  #hits = 0;
  #misses = 0;

  /** `batchInvariant`: whether a deterministic row has the same bits in whichever batch it was computed. */
  constructor(maxBytes: number, batchInvariant: boolean) {
    this.#rows = new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: bytesOf });
    this.#batchInvariant = batchInvariant;
  }

  get size(): number {
    return this.#rows.size;
  }

  get bytes(): number {
    return this.#rows.calculatedSize;
  }

  /** Rows that were asked for and there, and those that had to be computed. */
  get counts(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** The prefix of one row. */
  prefix(sequence: Sequence, row: number): PrefixCache | undefined {
    const found = this.#rows.get(this.#prefixName(sequence, row));
    if (found === undefined) this.#misses += 1;
    else this.#hits += 1;
    return found;
  }

  keepPrefix(sequence: Sequence, row: number, cache: PrefixCache): void {
    this.#rows.set(this.#prefixName(sequence, row), cache);
  }

  /** All rows of a sequence up to the end of what it is given; undefined when one is missing, or nothing is given. */
  lead(sequence: Sequence): readonly PrefixCache[] | undefined {
    if (!this.hasLead(sequence)) return undefined;
    const found = this.#leadNames(sequence).map((name) => this.#rows.get(name) as PrefixCache);
    this.#hits += found.length;
    return found;
  }

  hasLead(sequence: Sequence): boolean {
    return sequence.lead > 0 && this.#leadNames(sequence).every((name) => this.#rows.has(name));
  }

  keepLead(sequence: Sequence, rows: readonly PrefixCache[]): void {
    this.#leadNames(sequence).forEach((name, row) => this.#rows.set(name, rows[row]));
  }

  /** Whether two sequences are given the same beginning, with the same bits. */
  sameLead(left: Sequence, right: Sequence): boolean {
    return left.lead > 0 && left.lead === right.lead && this.#leadNames(left).join() === this.#leadNames(right).join();
  }

  /** Throws when more is kept than may be. */
  checkIntegrity(): void {
    const bytes = [...this.#rows.values()].reduce((sum, row) => sum + bytesOf(row), 0);
    if (bytes !== this.bytes || bytes > this.#rows.maxSize) throw new Error(`prefix store: ${bytes} bytes kept, ${this.bytes} counted, ${this.#rows.maxSize} allowed`);
  }

  #leadNames(sequence: Sequence): readonly string[] {
    const known = this.#leads.get(sequence);
    if (known !== undefined) return known;
    const names = sequence.input.prefixes.map((_, row) => this.#leadName(sequence, row));
    this.#leads.set(sequence, names);
    return names;
  }

  /** Everything that decides the bits of a row: its prefix, what it is given and shown, and in which steps it was computed: each batch size may have a precision of its own. */
  #leadName(sequence: Sequence, row: number): string {
    const { output: { kind, forced, condition }, sampling } = sequence.input;
    const steps = !sampling.deterministic ? 'any precision' : this.#batchInvariant ? 'any batch' : `alone, ${sequence.rows} rows`;
    const hash = createHash('sha256').update(`${this.#prefixName(sequence, row)}/${kind}/${steps}/${sequence.lead}/`);
    if (forced !== undefined) hash.update(bytesIn(forced.subarray(0, sequence.lead)));
    if (condition !== undefined) hash.update('/').update(bytesIn(condition));
    return hash.digest('base64');
  }

  /** A prefix is always computed by itself, in one shape: its ids say all. */
  #prefixName({ input }: Sequence, row: number): string {
    const prefix = input.prefixes[row] as Prefix;
    const known = this.#names.get(prefix);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    for (const ids of [prefix.rowIds, prefix.codeIds, prefix.audioIds]) hash.update(`${ids.length}/`).update(bytesIn(ids));
    const name = hash.digest('base64');
    this.#names.set(prefix, name);
    return name;
  }
}

function bytesIn({ buffer, byteOffset, byteLength }: Int32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function bytesOf({ keys, values }: PrefixCache): number {
  return [...keys, ...values].reduce((sum, layer) => sum + layer.byteLength, 0);
}
