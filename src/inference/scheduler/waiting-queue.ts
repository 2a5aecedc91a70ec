/** Sequences that wait for cache slots. Requests take turns, one candidate each, so four candidates of one do not delay the next. */
import { CinegraphError } from '../../errors.ts';
import type { Sequence } from '../core/sequence.ts';

export class WaitingQueue {
  readonly #limit: number;
  /** One list per request; the first list's first sequence is next. */
  #requests: Sequence[][] = [];

  /** `limit`: sequences that may wait at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#requests.reduce((total, request) => total + request.length, 0);
  }

  /** Adds the candidates of one request. Throws QUEUE_FULL. */
  add(sequences: readonly Sequence[]): void {
    if (this.length + sequences.length > this.#limit) throw new CinegraphError('QUEUE_FULL');
    this.#requests.push([...sequences]);
  }

  peek(): Sequence | undefined {
    return this.#requests[0]?.[0];
  }

  /** Takes the next sequence; its request goes to the back of the ring. */
  take(): Sequence | undefined {
    const request = this.#requests.shift();
    const sequence = request?.shift();
    if (request !== undefined && request.length > 0) this.#requests.push(request);
    return sequence;
  }

  /** Drops every sequence for which `gone` holds. */
  sweep(gone: (sequence: Sequence) => boolean): void {
    this.#requests = this.#requests.map((request) => request.filter((sequence) => !gone(sequence))).filter((request) => request.length > 0);
  }
}
