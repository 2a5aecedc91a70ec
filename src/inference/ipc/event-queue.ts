/** Events of one request between the process that makes them and a reader that may be slower. */
import type { GenerationEvent } from '../core/generation.ts';

/**
 * Bounded by coalescing, not by waiting: per candidate at most one unread preview or text, at most one unread `tokens` event, and the final
 * frames and parts of the sound, of which there is a fixed number. One reader.
 */
export class EventQueue {
  #events: GenerationEvent[] = [];
  #closed = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  get length(): number {
    return this.#events.length;
  }

  push(event: GenerationEvent): void {
    if (this.#closed) return;
    this.#events = this.#events.filter((unread) => !replaces(event, unread));
    this.#events.push(event);
    this.#wake?.();
  }

  /** No more events; the reader gets the unread ones first. */
  end(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Ends with an error at once; unread events are dropped. The first call counts. */
  fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = error;
    this.#events = [];
    this.#wake?.();
  }

  /** The next event, undefined at the end. */
  async next(): Promise<GenerationEvent | undefined> {
    while (this.#events.length === 0 && !this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== undefined) throw this.#failure;
    return this.#events.shift();
  }
}

/** A newer preview, or the final frames, make a candidate's unread preview worthless; so does a newer count of tokens, or more of a text. */
function replaces(event: GenerationEvent, unread: GenerationEvent): boolean {
  if (event.type === 'tokens') return unread.type === 'tokens';
  if (event.type === 'text') return unread.type === 'text' && unread.candidate === event.candidate;
  return event.type === 'frames' && unread.type === 'frames' && !unread.final && unread.candidate === event.candidate;
}
