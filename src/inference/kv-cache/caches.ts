/** The three places where keys and values live: the slots that steps work on, beginnings that are shared, and rows on their way into slots. */
import type { DeviceRows } from '../core/cache-view.ts';
import type { Sequence } from '../core/sequence.ts';
import { DeviceKvCache } from './device-kv-cache.ts';
import { KvCache } from './kv-cache.ts';
import { PrefixStore } from './prefix-store.ts';
import type { CacheShape, Slots } from './slots.ts';
import { StagedRows } from './staged-rows.ts';

export interface Caches {
  readonly slots: Slots<Sequence>;
  readonly prefixes: PrefixStore;
  readonly staged: StagedRows<Sequence>;
}

export interface CachesOptions {
  /** Whether a deterministic row has the same bits in whichever batch it was computed. */
  readonly batchInvariant: boolean;
  /** Memory for shared beginnings. Default: as much as the slots take. */
  readonly prefixBytes?: number | undefined;
  /** Where the slots are; undefined: in this process's memory. */
  readonly device?: DeviceRows | undefined;
}

export function openCaches(shape: CacheShape, { batchInvariant, prefixBytes, device }: CachesOptions): Caches {
  const slots = openSlots<Sequence>(shape, device);
  return { slots, prefixes: new PrefixStore(prefixBytes ?? slots.bytes, batchInvariant), staged: new StagedRows() };
}

/** Owner of `device`. */
export function openSlots<Owner>(shape: CacheShape, device: DeviceRows | undefined): Slots<Owner> {
  return device === undefined ? new KvCache(shape) : new DeviceKvCache(shape, device);
}
