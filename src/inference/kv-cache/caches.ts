/** The three places where keys and values live: the slots that steps work on, beginnings that are shared, and rows on their way into slots. */
import type { Sequence } from '../core/sequence.ts';
import { KvCache, type CacheShape } from './kv-cache.ts';
import { PrefixStore } from './prefix-store.ts';
import { StagedRows } from './staged-rows.ts';

export interface Caches {
  readonly slots: KvCache<Sequence>;
  readonly prefixes: PrefixStore;
  readonly staged: StagedRows<Sequence>;
}

export interface CachesOptions {
  /** Whether a deterministic row has the same bits in whichever batch it was computed. */
  readonly batchInvariant: boolean;
  /** Memory for shared beginnings. Default: as much as the slots take. */
  readonly prefixBytes?: number | undefined;
}

export function openCaches(shape: CacheShape, { batchInvariant, prefixBytes }: CachesOptions): Caches {
  const slots = new KvCache<Sequence>(shape);
  return { slots, prefixes: new PrefixStore(prefixBytes ?? slots.bytes, batchInvariant), staged: new StagedRows() };
}
