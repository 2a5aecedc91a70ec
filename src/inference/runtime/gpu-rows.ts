/**
 * The key-value cache in a WebGPU device's memory, which never crosses the bus. Rows that step together lie in one tensor `[R, Kv, M, hd]` per layer and side; a step of the decode
 * graph takes them and gives new ones, which take their place; so there are two of each while it runs. Every step has all `R` rows, whoever takes part: its shape, and with it a row's
 * bits, never change. A row that takes no part is given where its next entry goes, so what it writes there is overwritten. A row of which a run draws several positions has tensors of
 * its own (gpu-row.ts). What is written lies in this process's memory until a step or a run needs it.
 */
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import type { DeviceRows, PrefixCache } from '../core/cache-view.ts';
import { GpuRow, replaceTensors, sidesOf, widened, type RowRun, type RowShape } from './gpu-row.ts';
import type { GraphSession, Tensors } from './graph-session.ts';
import { onnxModel, type OnnxNode, type OnnxValue } from './onnx-graph.ts';
import { floats, floatTensor, int32Tensor, int64Tensor } from './tensors.ts';

export interface RowsShape extends RowShape {
  readonly rows: number;
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
  readonly #names: readonly string[];
  /** Of the rows that step together, by name; none until the first step. */
  readonly #shared = new Map<string, Tensor>();
  /** Rows that run alone, by place. */
  readonly #alone = new Map<number, GpuRow>();
  /** What was written and is not on the device yet, by place. */
  readonly #written = new Map<number, PrefixCache>();
  /** Valid entries of each row. */
  readonly #lengths: Int32Array;
  /** What was called last: calls queue up behind it. */
  #last: Promise<unknown> = Promise.resolve();
  /** Graphs that put a row among the shared ones and take one out, by how many rows there are. */
  #place: Promise<InferenceSession> | undefined;
  readonly #take = new Map<number, Promise<InferenceSession>>();

  constructor(shape: RowsShape) {
    this.shape = shape;
    this.#names = sidesOf(shape);
    this.#lengths = new Int32Array(shape.rows);
  }

  /** Bytes of all rows; a step needs as much again. */
  get bytes(): number {
    const { rows, layers } = this.shape;
    return 2 * layers * rows * this.#rowSize * Float32Array.BYTES_PER_ELEMENT;
  }

  write(place: number, prefix: PrefixCache): void {
    void this.#queue(() => {
      this.#forget(place);
      this.#written.set(place, prefix);
      this.#lengths[place] = prefix.length;
    });
  }

  async read(place: number, length: number): Promise<PrefixCache> {
    return await this.#queue(async () => await this.#read(place, length));
  }

  clear(place: number): void {
    void this.#queue(() => this.#forget(place));
  }

  /** One step; the fetched outputs `[n, k]` in the order of `places`. */
  async step({ session, places, lengths, ids, fetch }: RowStep): Promise<readonly Float32Array[]> {
    return await this.#queue(async () => {
      const { rows, maxLength } = this.shape;
      for (const place of places) await this.#share(place);
      places.forEach((place, i) => (this.#lengths[place] = lengths[i] as number));
      const seqlens = this.#lengths.map((length) => Math.min(length, maxLength - 1));
      const feeds: Record<string, Tensor> = { seqlens_k: int32Tensor(seqlens, [rows]), total_sequence_length: int32Tensor(Int32Array.of(Math.max(...seqlens) + 1), []) };
      for (const [name, told] of Object.entries(ids)) {
        const width = told.length / places.length;
        const all = new BigInt64Array(rows * width);
        places.forEach((place, i) => all.set(told.subarray(i * width, (i + 1) * width), place * width));
        feeds[name] = int64Tensor(all, [rows, width]);
      }
      for (const [name, tensor] of this.#sharedTensors()) feeds[`past_${name}`] = tensor;
      const outputs = await session.run(feeds, [...fetch, ...this.#names.map((name) => `present_${name}`)]);
      replaceTensors(this.#shared, outputs);
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

  /** Several positions of the row at `place`; the fetched outputs `[N, k]`. */
  async run(place: number, run: RowRun): Promise<readonly Float32Array[]> {
    return await this.#queue(async () => {
      const row = this.#alone.get(place) ?? new GpuRow(this.shape, await this.#read(place, run.length));
      this.#alone.set(place, row);
      this.#written.delete(place);
      this.#lengths[place] = run.length + run.count;
      return await row.run(run);
    });
  }

  async close(): Promise<void> {
    await this.#queue(async () => {
      for (const tensor of this.#shared.values()) tensor.dispose();
      this.#shared.clear();
      for (const row of this.#alone.values()) row.dispose();
      this.#alone.clear();
      await Promise.all([this.#place, ...this.#take.values()].map(async (session) => await (await session)?.release()));
    });
  }

  async #queue<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return await result;
  }

  #forget(place: number): void {
    this.#alone.get(place)?.dispose();
    this.#alone.delete(place);
    this.#written.delete(place);
    this.#lengths[place] = 0;
  }

  /** The beginning of a row, wherever it lies. */
  async #read(place: number, length: number): Promise<PrefixCache> {
    const written = this.#written.get(place);
    const { layers } = this.shape;
    if (written !== undefined) {
      const cut = (side: readonly Float32Array[]): Float32Array[] => side.map((layer) => this.#cut(layer, written.length, length));
      return { length, keys: cut(written.keys), values: cut(written.values) };
    }
    const own = this.#alone.get(place);
    const rows = await this.#taken(own?.tensors ?? this.#sharedTensors(), own === undefined ? place : 0, own === undefined ? this.shape.rows : 1);
    const side = (name: string): Float32Array[] => Array.from({ length: layers }, (_, layer) => this.#cut(floats(rows[`taken_${name}_${layer}`], name), this.shape.maxLength, length));
    return { length, keys: side('key'), values: side('value') };
  }

  /** The row lies among those that step together from now on. */
  async #share(place: number): Promise<void> {
    if (!this.#written.has(place) && !this.#alone.has(place)) return;
    const length = this.#lengths[place] as number;
    const beginning = await this.#read(place, length);
    const feeds: Record<string, Tensor> = { row: int32Tensor(Int32Array.of(place), [1]) };
    for (const [name, entries] of widened(this.shape, beginning)) feeds[`entry_${name}`] = floatTensor(entries, this.#dims(1));
    for (const [name, tensor] of this.#sharedTensors()) feeds[`past_${name}`] = tensor;
    const session = await (this.#place ??= open(this.#placeGraph(), this.#names.map((name) => `present_${name}`)));
    replaceTensors(this.#shared, await session.run(feeds));
    this.#forget(place);
    this.#lengths[place] = length;
  }

  async #taken(tensors: ReadonlyMap<string, Tensor>, row: number, rows: number): Promise<Tensors> {
    const graph = this.#take.get(rows) ?? open(this.#takeGraph(rows), []);
    this.#take.set(rows, graph);
    const past = Object.fromEntries(Array.from(tensors, ([name, tensor]) => [`past_${name}`, tensor]));
    return await (await graph).run({ row: int64Tensor(BigInt64Array.of(BigInt(row)), [1]), ...past });
  }

  /** Zeros on the processor before the first step. */
  #sharedTensors(): ReadonlyMap<string, Tensor> {
    const { rows } = this.shape;
    if (this.#shared.size === 0) for (const name of this.#names) this.#shared.set(name, floatTensor(new Float32Array(rows * this.#rowSize), this.#dims(rows)));
    return this.#shared;
  }

  /** The first `length` entries of each head of `[Kv, have, hd]`. */
  #cut(entries: Float32Array, have: number, length: number): Float32Array {
    const { kvHeads, headDim } = this.shape;
    const copy = new Float32Array(kvHeads * length * headDim);
    for (let head = 0; head < kvHeads; head += 1) copy.set(entries.subarray(head * have * headDim, (head * have + length) * headDim), head * length * headDim);
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
    const { rows } = this.shape;
    const nodes: OnnxNode[] = [{ operator: 'Equal', inputs: ['places', 'row'], output: 'is_row' }];
    const inputs: OnnxValue[] = [{ name: 'row', type: 'int32', dims: [1] }];
    const outputs: OnnxValue[] = [];
    for (const name of this.#names) {
      inputs.push({ name: `past_${name}`, type: 'float32', dims: this.#dims(rows) }, { name: `entry_${name}`, type: 'float32', dims: this.#dims(1) });
      outputs.push({ name: `present_${name}`, type: 'float32', dims: this.#dims(rows) });
      nodes.push({ operator: 'Where', inputs: ['is_row', `entry_${name}`, `past_${name}`], output: `present_${name}` });
    }
    const places = { name: 'places', dims: [rows, 1, 1, 1], values: Array.from({ length: rows }, (_, place) => place) };
    return onnxModel({ nodes, inputs, outputs, constants: [places] });
  }

  /** One of `rows` rows of every layer and side. */
  #takeGraph(rows: number): Uint8Array {
    const nodes: OnnxNode[] = [];
    const inputs: OnnxValue[] = [{ name: 'row', type: 'int64', dims: [1] }];
    const outputs: OnnxValue[] = [];
    for (const name of this.#names) {
      inputs.push({ name: `past_${name}`, type: 'float32', dims: this.#dims(rows) });
      outputs.push({ name: `taken_${name}`, type: 'float32', dims: this.#dims(1) });
      nodes.push({ operator: 'Gather', inputs: [`past_${name}`, 'row'], output: `taken_${name}`, attributes: { axis: 0 } });
    }
    return onnxModel({ nodes, inputs, outputs, constants: [] });
  }
}

/** `resident`: outputs that stay on the device. */
async function open(model: Uint8Array, resident: readonly string[]): Promise<InferenceSession> {
  return await InferenceSession.create(model, { executionProviders: ['webgpu'], logSeverityLevel: 3, preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer'])) });
}
