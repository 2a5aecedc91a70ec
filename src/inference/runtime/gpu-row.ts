/**
 * Keys and values of one row in a WebGPU device's memory, in tensors of its own `[1, Kv, M, hd]`: runs of several positions work on one row. A run takes them and gives new ones,
 * which take their place. Their owner, until `dispose`.
 */
import type { Tensor } from 'onnxruntime-node';
import type { PrefixCache } from '../core/cache-view.ts';
import type { GraphSession } from './graph-session.ts';
import { floats, floatTensor, int32Tensor, int64Tensor } from './tensors.ts';

export interface RowShape {
  readonly layers: number;
  readonly kvHeads: number;
  /** M, entries per row. */
  readonly maxLength: number;
  readonly headDim: number;
}

/** Consecutive positions of a row, as the graph for given positions is told of them. */
export interface RowRun {
  readonly session: GraphSession;
  /** N, positions. */
  readonly count: number;
  /** Valid entries of the row before them. */
  readonly length: number;
  /** `[N, k]` each. */
  readonly ids: Readonly<Record<string, BigInt64Array>>;
  /** Outputs `[N, k]` that are fetched. */
  readonly fetch: readonly string[];
}

/** `key_0`, `value_0`, `key_1`, ... */
export function sidesOf({ layers }: Pick<RowShape, 'layers'>): string[] {
  return Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
}

export class GpuRow {
  readonly #tensors: Map<string, Tensor>;

  /** `beginning`: of the row, for whatever comes after it. On the processor until the first run. */
  constructor(shape: RowShape, beginning: PrefixCache) {
    const dims = [1, shape.kvHeads, shape.maxLength, shape.headDim];
    this.#tensors = new Map(widened(shape, beginning).map(([name, entries]) => [name, floatTensor(entries, dims)]));
  }

  /** By name, `[1, Kv, M, hd]`. */
  get tensors(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  /** The fetched outputs `[N, k]`. */
  async run({ session, count, length, ids, fetch }: RowRun): Promise<readonly Float32Array[]> {
    const feeds: Record<string, Tensor> = { seqlens_k: int32Tensor(Int32Array.of(length + count - 1), [1]), total_sequence_length: int32Tensor(Int32Array.of(length + count), []) };
    for (const [name, told] of Object.entries(ids)) feeds[name] = int64Tensor(told, [count, told.length / count]);
    for (const [name, tensor] of this.#tensors) feeds[`past_${name}`] = tensor;
    const outputs = await session.run(feeds, [...fetch, ...Array.from(this.#tensors.keys(), (name) => `present_${name}`)]);
    replaceTensors(this.#tensors, outputs);
    return fetch.map((name) => floats(outputs[name], name));
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}

/** The graph's `present_*` take the places of `tensors`, which are gone then. Throws when one is not on the device. */
export function replaceTensors(tensors: Map<string, Tensor>, outputs: Readonly<Record<string, Tensor>>): void {
  for (const [name, old] of tensors) {
    const next = outputs[`present_${name}`];
    if (next?.location !== 'gpu-buffer') throw new Error(`the graph left present_${name} outside of the device`);
    old.dispose();
    tensors.set(name, next);
  }
}

/** Each layer and side of a row's beginning, `[Kv, M, hd]`. */
export function widened({ kvHeads, maxLength, headDim }: RowShape, { length, keys, values }: PrefixCache): [name: string, entries: Float32Array][] {
  const wide = (source: Float32Array): Float32Array => {
    const entries = new Float32Array(kvHeads * maxLength * headDim);
    for (let head = 0; head < kvHeads; head += 1) entries.set(source.subarray(head * length * headDim, (head + 1) * length * headDim), head * maxLength * headDim);
    return entries;
  };
  return keys.flatMap((layer, l): [string, Float32Array][] => [[`key_${l}`, wide(layer)], [`value_${l}`, wide(values[l] as Float32Array)]]);
}
