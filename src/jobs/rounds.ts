import type { Log } from '../db/log.ts';
import { isStorageAway } from '../db/pg-error.ts';

export interface RoundsOptions {
  readonly everyMs: number;
  /** The first round begins now; else after {@link everyMs}. */
  readonly atOnce?: boolean;
  /** What a round does, as the log says it when one fails. */
  readonly doing: string;
  readonly log: Log;
}

/**
 * Work that comes again and again. One round at a time: a round that takes longer than the interval leaves out what would have begun meanwhile. One
 * that fails is logged, unless the database or the store is away, and does not keep the next from coming. Owner of its timer, which keeps no process alive.
 */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #round: (stopping: AbortSignal) => Promise<unknown>;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  /** `round` looks at the signal and ends early. */
  constructor(options: RoundsOptions, round: (stopping: AbortSignal) => Promise<unknown>) {
    this.#options = options;
    this.#round = round;
    this.#timer = setInterval(() => this.#begin(), options.everyMs).unref();
    if (options.atOnce === true) this.#begin();
  }

  /** Resolves when the running round has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#timer);
    await this.#running;
  }

  #begin(): void {
    this.#running ??= this.#go().finally(() => {
      this.#running = undefined;
    });
  }

  async #go(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.#round(signal);
    } catch (error) {
      if (!signal.aborted && !isStorageAway(error)) this.#options.log.error({ err: error }, this.#options.doing);
    }
  }
}
