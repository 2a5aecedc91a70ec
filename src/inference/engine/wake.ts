/** A latch between one waiter and many wakers: a wake-up before the wait is not lost, several make one. */
export class Wake {
  #set = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#set = true;
    this.#resolve?.();
    this.#resolve = undefined;
  }

  /** Resolves once woken since the last wait. */
  async wait(): Promise<void> {
    if (!this.#set) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#set = false;
  }
}
