/**
 * The key-value cache in a WebGPU device's memory: per layer and side one tensor `[R, Kv, M, hd]`, which never crosses the bus. A step of the decode
 * graph takes them and gives new ones, which take their place; so there are two of each while it runs. Every step has all `R` rows, whoever takes part:
 * its shape, and with it a row's bits, never change. A row that takes no part is given where its next entry goes, so what it writes there is overwritten.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DeviceRows, PrefixCache } from '../core/cache-view.ts';
import { GraphSession, type Tensors } from './graph-session.ts';
import { onnxModel, type OnnxNode, type OnnxValue } from './onnx-graph.ts';
import { floats, floatTensor, int32Tensor, int64Tensor } from './tensors.ts';

export interface RowsShape {
  readonly rows: number;
  readonly layers: number;
  readonly kvHeads: number;
  /** M, entries per row. */
  readonly maxLength: number;
  readonly headDim: number;
  readonly type: 'float32' | 'float16';
}

/** Rows of a step, as the decode graph is told of them: `[n, ...]` tensors by place, and valid entries before the step. */
export interface RowStep {
  readonly session: GraphSession;
  readonly places: readonly number[];
  readonly lengths: Int32Array;
  /** `[n, k]` each. */
  readonly ids: Readonly<Record<string, BigInt64Array>>;
  /** Outputs `[n, k]` that are fetched. */
  readonly fetch: readonly string[];
}

export class GpuRows implements DeviceRows {
  readonly shape: RowsShape;
  /** `key_0`, `value_0`, `key_1`, ... */
  readonly #names: readonly string[];
  /** By name; on the processor until something is written. */
  readonly #tensors = new Map<string, Tensor>();
  /** Valid entries of each row. */
  readonly #lengths: Int32Array;
  /** What was called last: calls queue up behind it. */
  #last: Promise<unknown> = Promise.resolve();
  /** Of a write, which nobody awaits: the next step or read throws it. */
  #failure: Error | undefined;
  #place: Promise<InferenceSession> | undefined;
  #take: Promise<InferenceSession> | undefined;

  constructor(shape: RowsShape) {
    this.shape = shape;
    this.#names = Array.from({ length: shape.layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
    this.#lengths = new Int32Array(shape.rows);
  }

  /** Bytes of all rows; a step needs as much again. */
  get bytes(): number {
    const { rows, layers, type } = this.shape;
    return 2 * layers * rows * this.#rowSize * (type === 'float16' ? 2 : 4);
  }

  write(place: number, prefix: PrefixCache): void {
    this.#queue(async () => await this.#write(place, prefix)).catch((error: Error) => (this.#failure ??= error));
  }

  async read(place: number, length: number): Promise<PrefixCache> {
    return await this.#queue(async () => {
      const rows = await this.#run(await (this.#take ??= this.#open(this.#takeGraph(), [])), { row: int64Tensor(BigInt64Array.of(BigInt(place)), [1]) });
      const side = (name: string): Float32Array[] => Array.from({ length: this.shape.layers }, (_, layer) => this.#beginning(floats(rows[`taken_${name}_${layer}`], name), length));
      return { length, keys: side('key'), values: side('value') };
    });
  }

  clear(place: number): void {
    this.#lengths[place] = 0;
  }

  /** One step; the fetched outputs `[n, k]` in the order of `places`. */
  async step({ session, places, lengths, ids, fetch }: RowStep): Promise<readonly Float32Array[]> {
    return await this.#queue(async () => {
      const { rows } = this.shape;
      places.forEach((place, i) => (this.#lengths[place] = lengths[i] as number));
      const seqlens = this.#lengths.map((length) => Math.min(length, this.shape.maxLength - 1));
      const feeds: Record<string, Tensor> = { seqlens_k: int32Tensor(seqlens, [rows]), total_sequence_length: int32Tensor(Int32Array.of(Math.max(...seqlens) + 1), []) };
      for (const [name, told] of Object.entries(ids)) {
        const width = told.length / places.length;
        const all = new BigInt64Array(rows * width);
        places.forEach((place, i) => all.set(told.subarray(i * width, (i + 1) * width), place * width));
        feeds[name] = int64Tensor(all, [rows, width]);
      }
      for (const name of this.#names) feeds[`past_${name}`] = this.#tensor(name);
      const outputs = await session.run(feeds, [...fetch, ...this.#names.map((name) => `present_${name}`)]);
      this.#replace(outputs);
      places.forEach((place, i) => (this.#lengths[place] = (lengths[i] as number) + 1));
      return fetch.map((name) => {
        const all = floats(outputs[name], name);
        const width = all.length / rows;
        const taken = new Float32Array(places.length * width);
        places.forEach((place, i) => taken.set(all.subarray(place * width, (place + 1) * width), i * width));
        return taken;
      });
    });
  }

  async close(): Promise<void> {
    this.#failure = undefined;
    await this.#queue(async () => {
      for (const tensor of this.#tensors.values()) tensor.dispose();
      this.#tensors.clear();
      await Promise.all([this.#place, this.#take].map(async (session) => await (await session)?.release()));
    });
  }

  async #queue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      return await work();
    });
    this.#last = result.catch(() => undefined);
    return await result;
  }

  async #write(place: number, { length, keys, values }: PrefixCache): Promise<void> {
    const feeds: Record<string, Tensor> = { row: int32Tensor(Int32Array.of(place), [1]) };
    const { kvHeads, maxLength, headDim } = this.shape;
    for (const [side, layers] of [['key', keys], ['value', values]] as const) {
      for (const [layer, source] of layers.entries()) {
        const entry = new Float32Array(this.#rowSize);
        for (let head = 0; head < kvHeads; head += 1) entry.set(source.subarray(head * length * headDim, (head + 1) * length * headDim), head * maxLength * headDim);
        feeds[`entry_${side}_${layer}`] = floatTensor(entry, [1, kvHeads, maxLength, headDim]);
      }
    }
    const session = await (this.#place ??= this.#open(this.#placeGraph(), this.#names.map((name) => `present_${name}`)));
    this.#replace(await this.#run(session, feeds));
    this.#lengths[place] = length;
  }

  async #run(session: InferenceSession, feeds: Tensors): Promise<Tensors> {
    const past = Object.fromEntries(this.#names.map((name) => [`past_${name}`, this.#tensor(name)]));
    return await session.run({ ...feeds, ...past });
  }

  #replace(outputs: Tensors): void {
    for (const name of this.#names) {
      const next = outputs[`present_${name}`];
      if (next?.location !== 'gpu-buffer') throw new Error(`the graph left present_${name} outside of the device`);
      this.#tensors.get(name)?.dispose();
      this.#tensors.set(name, next);
    }
  }

  #tensor(name: string): Tensor {
    const known = this.#tensors.get(name);
    if (known !== undefined) return known;
    const { rows, type } = this.shape;
    const size = rows * this.#rowSize;
    const zeros = type === 'float16' ? new Tensor('float16', new Uint16Array(size), this.#dims(rows)) : floatTensor(new Float32Array(size), this.#dims(rows));
    this.#tensors.set(name, zeros);
    return zeros;
  }

  /** The first `length` entries of each head of `[1, Kv, M, hd]`. */
  #beginning(row: Float32Array, length: number): Float32Array {
    const { kvHeads, maxLength, headDim } = this.shape;
    const copy = new Float32Array(kvHeads * length * headDim);
    for (let head = 0; head < kvHeads; head += 1) copy.set(row.subarray(head * maxLength * headDim, (head * maxLength + length) * headDim), head * length * headDim);
    return copy;
  }

  get #rowSize(): number {
    const { kvHeads, maxLength, headDim } = this.shape;
    return kvHeads * maxLength * headDim;
  }

  #dims(rows: number): number[] {
    const { kvHeads, maxLength, headDim } = this.shape;
    return [rows, kvHeads, maxLength, headDim];
  }

  /** `present = row == place ? entry : past`, for every layer and side. */
  #placeGraph(): Uint8Array {
    const { rows, type } = this.shape;
    const nodes: OnnxNode[] = [{ operator: 'Equal', inputs: ['places', 'row'], output: 'is_row' }];
    const inputs: OnnxValue[] = [{ name: 'row', type: 'int32', dims: [1] }];
    const outputs: OnnxValue[] = [];
    for (const name of this.#names) {
      inputs.push({ name: `past_${name}`, type, dims: this.#dims(rows) }, { name: `entry_${name}`, type: 'float32', dims: this.#dims(1) });
      outputs.push({ name: `present_${name}`, type, dims: this.#dims(rows) });
      const entry = type === 'float16' ? `narrow_${name}` : `entry_${name}`;
      if (type === 'float16') nodes.push({ operator: 'Cast', inputs: [`entry_${name}`], output: entry, attributes: { to: 10 } });
      nodes.push({ operator: 'Where', inputs: ['is_row', entry, `past_${name}`], output: `present_${name}` });
    }
    const places = { name: 'places', dims: [rows, 1, 1, 1], values: Array.from({ length: rows }, (_, place) => place) };
    return onnxModel({ nodes, inputs, outputs, constants: [places] });
  }

  /** One row of every layer and side, as float32. */
  #takeGraph(): Uint8Array {
    const { rows, type } = this.shape;
    const nodes: OnnxNode[] = [];
    const inputs: OnnxValue[] = [{ name: 'row', type: 'int64', dims: [1] }];
    const outputs: OnnxValue[] = [];
    for (const name of this.#names) {
      inputs.push({ name: `past_${name}`, type, dims: this.#dims(rows) });
      outputs.push({ name: `taken_${name}`, type: 'float32', dims: this.#dims(1) });
      const found = type === 'float16' ? `narrow_${name}` : `taken_${name}`;
      nodes.push({ operator: 'Gather', inputs: [`past_${name}`, 'row'], output: found, attributes: { axis: 0 } });
      if (type === 'float16') nodes.push({ operator: 'Cast', inputs: [found], output: `taken_${name}`, attributes: { to: 1 } });
    }
    return onnxModel({ nodes, inputs, outputs, constants: [] });
  }

  /** `resident`: outputs that stay on the device. */
  async #open(model: Uint8Array, resident: readonly string[]): Promise<InferenceSession> {
    return await InferenceSession.create(model, { executionProviders: ['webgpu'], logSeverityLevel: 3, preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer'])) });
  }
}
