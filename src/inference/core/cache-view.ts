/** Consecutive slots of the key-value cache, one array per layer: what the decode graph reads and writes in place. */
export interface CacheView {
  readonly firstSlot: number;
  readonly rows: number;
  /** Per layer, `[rows, Kv, M, hd]`; views of the cache's own memory. */
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** Keys and values of the beginning of one row, its prefix or more, per layer `[Kv, P, hd]`. */
export interface PrefixCache {
  readonly length: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}
