/** The key-value cache: one preallocated array per layer and side, written in place by the decode graph, and the table of its owners. */
import type { CacheEntries, HostView, PrefixCache } from '../core/cache-view.ts';
import { SlotTable, type Side } from './slot-table.ts';
import type { CacheShape, Slots } from './slots.ts';

export class KvCache<Owner> implements Slots<Owner> {
  readonly shape: CacheShape;
  readonly table: SlotTable<Owner>;
  /** Per layer, `[slots, Kv, M, hd]`. */
  readonly #keys: readonly CacheEntries[];
  readonly #values: readonly CacheEntries[];
  readonly #slotSize: number;
  /** By first slot and rows; at most slots squared. */
  readonly #views = new Map<string, HostView>();

  constructor(shape: CacheShape) {
    this.shape = shape;
    this.table = new SlotTable(shape.slots, shape.spare);
    this.#slotSize = shape.kvHeads * shape.maxLength * shape.headDim;
    const Entries = shape.scales === undefined ? Float32Array : Int8Array;
    const side = () => Array.from({ length: shape.layers }, () => new Entries(shape.slots * this.#slotSize));
    this.#keys = side();
    this.#values = side();
  }

  get bytes(): number {
    return [...this.#keys, ...this.#values].reduce((sum, layer) => sum + layer.byteLength, 0);
  }

  /** Consecutive slots, no copy; the same object for the same slots. */
  view(firstSlot: number, rows: number): HostView {
    const name = `${firstSlot}:${rows}`;
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const [begin, end] = [firstSlot * this.#slotSize, (firstSlot + rows) * this.#slotSize];
    const cut = (layers: readonly CacheEntries[]) => layers.map((layer) => layer.subarray(begin, end));
    const view = { firstSlot, rows, keys: cut(this.#keys), values: cut(this.#values) };
    this.#views.set(name, view);
    return view;
  }

  claim(owner: Owner, rows: number, side: Side): boolean {
    return this.table.claim(owner, rows, side);
  }

  /** Frees the owner's slots and moves its inner neighbours' contents together; a no-op for a stranger. */
  release(owner: Owner): void {
    for (const { from, to } of this.table.release(owner)) {
      for (const layer of [...this.#keys, ...this.#values]) {
        layer.copyWithin(to * this.#slotSize, from * this.#slotSize, (from + 1) * this.#slotSize);
      }
    }
  }

  /** A copy of the first `length` entries of a slot, per layer `[Kv, length, hd]`, widened: what `write` puts back, bit for bit. */
  read(slot: number, length: number): PrefixCache {
    return { length, keys: this.#readSide(0, slot, length), values: this.#readSide(1, slot, length) };
  }

  #readSide(side: 0 | 1, slot: number, length: number): Float32Array[] {
    const { kvHeads, maxLength, headDim, scales } = this.shape;
    return (side === 0 ? this.#keys : this.#values).map((layer, index) => {
      const copy = new Float32Array(kvHeads * length * headDim);
      for (let head = 0; head < kvHeads; head += 1) {
        const from = slot * this.#slotSize + head * maxLength * headDim;
        copy.set(layer.subarray(from, from + length * headDim), head * length * headDim);
      }
      const scale = scales?.[index]?.[side];
      return scale === undefined ? copy : copy.map((step) => step * scale);
    });
  }

  /** Copies a row's beginning, per layer `[Kv, P, hd]`, to the start of a slot. */
  write(slot: number, prefix: PrefixCache): void {
    this.#writeSide(0, slot, prefix.keys, prefix.length);
    this.#writeSide(1, slot, prefix.values, prefix.length);
  }

  #writeSide(side: 0 | 1, slot: number, prefix: readonly Float32Array[], length: number): void {
    const { kvHeads, maxLength, headDim, scales } = this.shape;
    const used = length * headDim;
    (side === 0 ? this.#keys : this.#values).forEach((layer, index) => {
      const wide = prefix[index];
      if (wide?.length !== kvHeads * used) throw new Error(`prefill returned layer ${index} with the wrong size`);
      const scale = scales?.[index]?.[side];
      const source = scale === undefined ? wide : Int8Array.from(wide, (value) => toStep(value / scale));
      for (let head = 0; head < kvHeads; head += 1) {
        layer.set(source.subarray(head * used, (head + 1) * used), slot * this.#slotSize + head * maxLength * headDim);
      }
    });
  }

  checkIntegrity(): void {
    this.table.checkIntegrity();
  }

  /** Garbage collection is its memory's owner. */
  async close(): Promise<void> {}
}

/** The nearest int8. */
function toStep(value: number): number {
  return Math.max(-128, Math.min(127, Math.round(value)));
}
