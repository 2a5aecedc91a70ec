/**
 * Sequences that wait for cache slots. The owner with the fewest rows at work is next; among equals owners take turns, then an owner's
 * requests, one candidate each. So neither four candidates of one request nor ten requests of one owner delay another's first.
 */
import { CinegraphError } from '../../errors.ts';
import type { Sequence } from '../core/sequence.ts';

export interface Choice {
  /** Rows at work for an owner. */
  rowsOf(owner: string): number;
  /** Whether a sequence is to wait though it could start. */
  held(sequence: Sequence): boolean;
}

export class WaitingQueue {
  readonly #limit: number;
  /** In turn order: owners, of each its requests, of each its sequences. Nothing is empty. */
  readonly #owners = new Map<string, Sequence[][]>();

  /** `limit`: sequences that may wait at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.sequences.length;
  }

  get sequences(): Sequence[] {
    return [...this.#owners.values()].flat(2);
  }

  /** Adds the candidates of one request. Throws QUEUE_FULL. */
  add(sequences: readonly Sequence[]): void {
    if (this.length + sequences.length > this.#limit) throw new CinegraphError('QUEUE_FULL');
    for (const owner of new Set(sequences.map((sequence) => sequence.owner))) {
      this.#owners.set(owner, [...(this.#owners.get(owner) ?? []), sequences.filter((sequence) => sequence.owner === owner)]);
    }
  }

  /** A sequence that gave up its slots goes before all others of its owner; it is not counted against the limit. */
  putBack(sequence: Sequence): void {
    this.#owners.set(sequence.owner, [[sequence], ...(this.#owners.get(sequence.owner) ?? [])]);
  }

  next({ rowsOf, held }: Choice): Sequence | undefined {
    let [best, fewest]: [Sequence | undefined, number] = [undefined, Infinity];
    for (const [owner, requests] of this.#owners) {
      const rows = rowsOf(owner);
      if (rows >= fewest) continue;
      const first = requests.map((request) => request.find((sequence) => !held(sequence))).find((sequence) => sequence !== undefined);
      if (first !== undefined) [best, fewest] = [first, rows];
    }
    return best;
  }

  /** Removes a sequence that `next` gave; its request goes to the back of its owner's turns, its owner to the back of the owners'. */
  take(sequence: Sequence): void {
    const requests = this.#owners.get(sequence.owner) ?? [];
    const request = requests.find((sequences) => sequences.includes(sequence));
    if (request === undefined) throw new Error('waiting queue: the sequence does not wait');
    const rest = request.filter((other) => other !== sequence);
    const left = [...requests.filter((other) => other !== request), ...(rest.length > 0 ? [rest] : [])];
    this.#owners.delete(sequence.owner);
    if (left.length > 0) this.#owners.set(sequence.owner, left);
  }

  /** Drops every sequence for which `gone` holds. */
  sweep(gone: (sequence: Sequence) => boolean): void {
    for (const sequence of this.sequences) if (gone(sequence)) this.#drop(sequence);
  }

  /** The others keep their turns. */
  #drop(sequence: Sequence): void {
    const left = (this.#owners.get(sequence.owner) ?? []).map((request) => request.filter((other) => other !== sequence)).filter((request) => request.length > 0);
    if (left.length > 0) this.#owners.set(sequence.owner, left);
    else this.#owners.delete(sequence.owner);
  }
}
