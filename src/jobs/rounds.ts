/** Work that comes again and again, one round after the other. Owner of its timer, which keeps no process alive. */
export class Rounds {
  readonly #timer: NodeJS.Timeout;
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** `round` must not throw. */
  constructor(everyMs: number, round: () => Promise<void>) {
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => (this.#stopped ? undefined : round()));
    }, everyMs);
    this.#timer.unref();
  }

  /** A long round looks at it and ends early. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when the running round has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}
