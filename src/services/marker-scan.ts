/** Looks for a few bytes in what passes by, across the edges of its parts. */
export class MarkerScan {
  readonly #marker: Buffer;
  #tail: Buffer = Buffer.alloc(0);
  seen = false;

  constructor(marker: string) {
    this.#marker = Buffer.from(marker, 'latin1');
  }

  update(part: Buffer): void {
    if (this.seen) return;
    const edge = Buffer.concat([this.#tail, part.subarray(0, this.#marker.length)]);
    this.seen = edge.includes(this.#marker) || part.includes(this.#marker);
    this.#tail = Buffer.concat([this.#tail, part.subarray(-this.#marker.length)]).subarray(-(this.#marker.length - 1));
  }
}
