/** Slots of the key-value cache, wherever its memory is: who owns which, and what is in them. Owner of that memory until `close`. */
import type { CacheView, PrefixCache } from '../core/cache-view.ts';
import type { Side, SlotTable } from './slot-table.ts';

/** Of each layer: what one step of an int8 key, and of an int8 value, stands for. */
type CacheScales = readonly (readonly [key: number, value: number])[];

export interface CacheShape {
  readonly slots: number;
  /** Of them, those that always stay free in the middle. Default 0. */
  readonly spare?: number;
  readonly layers: number;
  readonly kvHeads: number;
  /** M, entries per slot. */
  readonly maxLength: number;
  readonly headDim: number;
  /** The entries are int8. Default: float32. */
  readonly scales?: CacheScales | undefined;
}

export interface Slots<Owner> {
  readonly shape: CacheShape;
  readonly table: SlotTable<Owner>;
  readonly bytes: number;
  /** Consecutive slots, no copy. */
  view(firstSlot: number, rows: number): CacheView;
  claim(owner: Owner, rows: number, side: Side): boolean;
  /** Frees the owner's slots and moves its inner neighbours' contents together; a no-op for a stranger. */
  release(owner: Owner): void;
  /** A copy of the first `length` entries of a slot, per layer `[Kv, length, hd]`: what `write` puts back. */
  read(slot: number, length: number): PrefixCache | Promise<PrefixCache>;
  /** Copies a row's beginning, per layer `[Kv, P, hd]`, to the start of a slot. */
  write(slot: number, prefix: PrefixCache): void;
  checkIntegrity(): void;
  close(): Promise<void>;
}
