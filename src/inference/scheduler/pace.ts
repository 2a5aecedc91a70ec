/**
 * How long newcomers may hold up those that run. A prefix attends in both directions and cannot be split, so the unit is the prefill of
 * one row: at least one between two turns of each run, more while the next is expected to fit into the limit.
 */
export class Pace {
  readonly #limitMs: number;
  /** Since every run had its turn. */
  #spentMs = 0;
  #prefills = 0;
  #turns = 0;
  /** The longest of late; it fades, so that one slow prefill is forgotten. */
  #expectedMs = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  get allows(): boolean {
    return this.#prefills === 0 || this.#spentMs + this.#expectedMs <= this.#limitMs;
  }

  prefilled(ms: number): void {
    this.#prefills += 1;
    this.#spentMs += ms;
    this.#expectedMs = Math.max(ms, 0.9 * this.#expectedMs);
  }

  /** `turns` of `runs` runs had their turn. */
  stepped(runs: number, turns = 1): void {
    this.#turns += turns;
    if (this.#turns < runs) return;
    [this.#turns, this.#prefills, this.#spentMs] = [0, 0, 0];
  }
}
