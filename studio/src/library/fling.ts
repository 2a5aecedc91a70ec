/** Pixels in a millisecond: at 6 a tile has crossed the screen in 0.15 s, before its picture is there. */
const FLING_SPEED = 6;
/** Speed is taken over no shorter time, ms: a page that was held up gets the events of several frames at once. */
const SPAN_MS = 50;
const SETTLED_MS = 100;

/** Where the page was, CSS pixels, and when, ms. */
export interface Place {
  readonly top: number;
  readonly at: number;
}

/** Tells when a page begins to be scrolled faster than pictures can be seen, and a moment after it has slowed down. */
export class Fling {
  readonly #tell: (fling: boolean) => void;
  #from: Place;
  #settled: ReturnType<typeof setTimeout> | undefined;

  constructor(from: Place, tell: (fling: boolean) => void) {
    this.#from = from;
    this.#tell = tell;
  }

  /** To be called with each scroll event. */
  moved(to: Place): void {
    const took = to.at - this.#from.at;
    if (took < SPAN_MS) return;
    const fast = Math.abs(to.top - this.#from.top) > FLING_SPEED * took;
    this.#from = to;
    if (!fast) return;
    if (this.#settled === undefined) this.#tell(true);
    clearTimeout(this.#settled);
    this.#settled = setTimeout(() => this.#settle(), SETTLED_MS);
  }

  /** Tells nothing more. */
  close(): void {
    clearTimeout(this.#settled);
  }

  #settle(): void {
    this.#settled = undefined;
    this.#tell(false);
  }
}
