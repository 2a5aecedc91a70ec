/** The key-value cache in a device's memory. Slots are names of device rows: moving a slot's contents is exchanging two names. */
import type { DeviceRows, DeviceView, PrefixCache } from '../core/cache-view.ts';
import type { CacheShape } from './slots.ts';
import { SlotTable, type Side } from './slot-table.ts';
import type { Slots } from './slots.ts';

export class DeviceKvCache<Owner> implements Slots<Owner> {
  readonly shape: CacheShape;
  readonly table: SlotTable<Owner>;
  readonly #device: DeviceRows;
  /** The device row of each slot; a permutation. */
  readonly #places: number[];

  constructor(shape: CacheShape, device: DeviceRows) {
    this.shape = shape;
    this.table = new SlotTable(shape.slots, shape.spare);
    this.#device = device;
    this.#places = Array.from({ length: shape.slots }, (_, slot) => slot);
  }

  /** As float32: what copies of its rows take. */
  get bytes(): number {
    const { layers, slots, kvHeads, maxLength, headDim } = this.shape;
    return 2 * layers * slots * kvHeads * maxLength * headDim * Float32Array.BYTES_PER_ELEMENT;
  }

  view(firstSlot: number, rows: number): DeviceView {
    return { rows, device: this.#device, places: this.#places.slice(firstSlot, firstSlot + rows) };
  }

  claim(owner: Owner, rows: number, side: Side): boolean {
    return this.table.claim(owner, rows, side);
  }

  release(owner: Owner): void {
    const first = this.table.firstSlot(owner);
    if (first === undefined) return;
    const freed = this.#places.slice(first, first + this.table.rowsOf(owner));
    for (const { from, to } of this.table.release(owner)) {
      const [left, right] = [this.#places[from] as number, this.#places[to] as number];
      this.#places[to] = left;
      this.#places[from] = right;
    }
    for (const place of freed) this.#device.clear(place);
  }

  async read(slot: number, length: number): Promise<PrefixCache> {
    return await this.#device.read(this.#places[slot] as number, length);
  }

  write(slot: number, prefix: PrefixCache): void {
    this.#device.write(this.#places[slot] as number, prefix);
  }

  checkIntegrity(): void {
    this.table.checkIntegrity();
    if (new Set(this.#places).size !== this.shape.slots) throw new Error('device cache: two slots name one row');
  }

  async close(): Promise<void> {
    await this.#device.close();
  }
}
