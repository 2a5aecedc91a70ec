/** One layer's keys or values: as they are, or in steps of the layer's scale (docs/BUNDLE.md, "Int8 caches"). */
export type CacheEntries = Float32Array | Int8Array;

/** Consecutive slots of the key-value cache, one array per layer: what the decode graph reads and writes in place. */
export interface HostView {
  readonly firstSlot: number;
  readonly rows: number;
  /** Per layer, `[rows, Kv, M, hd]`; views of the cache's own memory. */
  readonly keys: readonly CacheEntries[];
  readonly values: readonly CacheEntries[];
}

/** Consecutive slots of a cache that lives in a device's memory: `places[i]` is the device row of slot `i` of the view. */
export interface DeviceView {
  readonly rows: number;
  readonly device: DeviceRows;
  readonly places: readonly number[];
}

export type CacheView = HostView | DeviceView;

/** Rows of a cache in a device's memory. Writes, reads and steps take effect in the order of the calls. Owner of that memory until `close`. */
export interface DeviceRows {
  /** Copies a row's beginning, per layer `[Kv, P, hd]`, to the start of a row. */
  write(place: number, prefix: PrefixCache): void;
  /** A copy of the first `length` entries of a row. */
  read(place: number, length: number): Promise<PrefixCache>;
  /** Nobody needs what is in the row. */
  clear(place: number): void;
  close(): Promise<void>;
}

/** Keys and values of the beginning of one row, its prefix or more, per layer `[Kv, P, hd]`. */
export interface PrefixCache {
  readonly length: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}
