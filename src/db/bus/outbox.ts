import type { BusMessage } from './frame-bus.ts';

/** Undelivered messages kept while the carrier is away: the newest of each job. More jobs than this, and others re-read by themselves (see JobEventHub). */
const MOST_PENDING = 1000;

/** What waits to be carried to other processes, one message for each job. Owner: a bus. */
export class Outbox {
  readonly #carry: (batch: readonly BusMessage[]) => Promise<void>;
  /** Key: type and job, or key. */
  readonly #pending = new Map<string, BusMessage>();
  #sending = false;
  #up = false;
  /** How many carriers there have been. */
  #carriers = 0;
  /** Resolves when the round that runs now has ended. Never rejects. */
  sent: Promise<void> = Promise.resolve();

  /** `carry` rejects when the carrier is gone; the batch then waits for {@link resume}. It may be carried twice. */
  constructor(carry: (batch: readonly BusMessage[]) => Promise<void>) {
    this.#carry = carry;
  }

  /** Never waits. What is added while a round runs is coalesced and goes with the next. */
  add(news: BusMessage): void {
    if (this.#pending.size >= MOST_PENDING) return;
    const key = keyOf(news);
    // A newer pointer stands for the older ones of its job, also for their being activity.
    this.#pending.set(key, { ...this.#pending.get(key), ...news });
    this.#send();
  }

  pause(): void {
    this.#up = false;
  }

  resume(): void {
    this.#up = true;
    this.#carriers += 1;
    this.#send();
  }

  #send(): void {
    if (!this.#sending) this.sent = this.#rounds();
  }

  async #rounds(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#up && this.#pending.size > 0) {
        const batch = [...this.#pending.values()];
        const carrier = this.#carriers;
        this.#pending.clear();
        try {
          await this.#carry(batch);
        } catch {
          for (const news of batch) if (!this.#pending.has(keyOf(news))) this.#pending.set(keyOf(news), news);
          // The carrier is gone; the next one sends. It may have come before the old one's failure was known.
          if (this.#carriers === carrier) return;
        }
      }
    } finally {
      this.#sending = false;
    }
  }
}

function keyOf(news: BusMessage): string {
  return `${news.type} ${news.type === 'revoked' ? news.key : news.job}`;
}
