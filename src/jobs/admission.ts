/** A job's place on this worker. Owner: its run, which leaves. */
export interface Seat {
  /** Waits until the others are gone, and keeps new ones out meanwhile: a job that has taken its worker down before endangers nobody else. */
  alone(signal: AbortSignal): Promise<void>;
  /** Its rows of the cache are free: what is left of the run is encoding and storing. */
  freeRows(): void;
  leave(): void;
}

interface Place {
  rows: number;
}

/** Which jobs a worker takes: by the rows of its key-value cache that are free, and up to so many at once. Owner: the job runner. */
export class Admission {
  readonly slots: number;
  readonly #atOnce: number;
  readonly #overcommit: boolean;
  readonly #places = new Set<Place>();
  readonly #onRoom: () => void;
  /** It runs by itself. */
  #alone: Place | undefined;
  /** They want to, and wait until the others have left. */
  readonly #waiting: Place[] = [];
  #left = Promise.withResolvers<void>();

  /** onRoom: called when there is room where there was none. overcommit: jobs may also wait here for rows; the engine then shares those between the owners. For a worker that has no others beside it. */
  constructor({ slots, atOnce, overcommit, onRoom }: { readonly slots: number; readonly atOnce: number; readonly overcommit: boolean; readonly onRoom: () => void }) {
    this.slots = slots;
    this.#atOnce = atOnce;
    this.#overcommit = overcommit;
    this.#onRoom = onRoom;
  }

  get jobs(): number {
    return this.#places.size;
  }

  get usedSlots(): number {
    return [...this.#places].reduce((sum, { rows }) => sum + rows, 0);
  }

  get hasRoom(): boolean {
    return this.#alone === undefined && this.#waiting.length === 0 && this.#places.size < this.#atOnce && (this.#overcommit || this.usedSlots < this.slots);
  }

  sit(rows: number): Seat {
    const place: Place = { rows };
    this.#places.add(place);
    return {
      alone: signal => this.#waitAlone(place, signal),
      freeRows: () => this.#changed(() => (place.rows = 0)),
      leave: () => this.#changed(() => {
        this.#places.delete(place);
        if (this.#alone === place) this.#alone = undefined;
      }),
    };
  }

  /** One after the other: two that want to be alone do not wait for each other. */
  async #waitAlone(place: Place, signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.#waiting.push(place);
    while (!signal.aborted && (this.#waiting[0] !== place || this.#alone !== undefined || this.#places.size > this.#waiting.length)) {
      await Promise.race([this.#left.promise, stopped]);
    }
    const waitNoMore = (): void => void this.#waiting.splice(this.#waiting.indexOf(place), 1);
    if (signal.aborted) return this.#changed(waitNoMore);
    waitNoMore();
    this.#alone = place;
  }

  #changed(change: () => void): void {
    const hadRoom = this.hasRoom;
    change();
    this.#left.resolve();
    this.#left = Promise.withResolvers();
    if (!hadRoom && this.hasRoom) this.#onRoom();
  }
}
