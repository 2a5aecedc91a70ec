/** Decides when a `tokens` event is due and computes its rates. */
import type { GenerationEvent } from '../core/generation.ts';

const EVENTS_PER_LATENT_FRAME = 4;

export class TokenMeter {
  readonly #total: number;
  readonly #stride: number;
  #startedAt: number;
  /** Tokens that were there before the start. */
  readonly #before: number;
  #reported: number;

  /** `total` tokens over all candidates, `frameTokens` of them per latent frame, `before` made by an earlier run. `now` in ms. */
  constructor(total: number, frameTokens: number, now: number, before = 0) {
    this.#total = total;
    this.#before = before;
    this.#reported = before;
    this.#stride = frameTokens / EVENTS_PER_LATENT_FRAME;
    this.#startedAt = now;
  }

  /** Rates count from now on. */
  start(now: number): void {
    this.#startedAt = now;
  }

  /** The event for `done` tokens, undefined when the last one is recent enough. */
  read(done: number, now: number): GenerationEvent | undefined {
    const due = done === this.#total || Math.floor(done / this.#stride) > Math.floor(this.#reported / this.#stride);
    if (!due || done === this.#reported) return undefined;
    this.#reported = done;
    const elapsed = Math.max(now - this.#startedAt, 1e-3);
    const tokensPerSecond = (1000 * (done - this.#before)) / elapsed;
    return { type: 'tokens', tokensDone: done, tokensTotal: this.#total, tokensPerSecond, etaMs: (1000 * (this.#total - done)) / tokensPerSecond };
  }
}
