/** Adapter of the language model's graphs (docs/BUNDLE.md, "Graphs"). Owner of their sessions. */
import type { CacheEntries, CacheView, DeviceRows, DeviceView, HostView, PrefixCache } from '../core/cache-view.ts';
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { Manifest, Precision } from '../core/manifest.ts';
import type { Prefix, StepInput } from '../core/step-input.ts';
import { sidesOf } from '../runtime/gpu-row.ts';
import { GpuRows } from '../runtime/gpu-rows.ts';
import { GraphSession, type SessionOptions, type Tensors } from '../runtime/graph-session.ts';
import type { CacheShape } from '../kv-cache/slots.ts';
import { floats, floatTensor, int32Tensor, int64Tensor, int8Tensor } from '../runtime/tensors.ts';

/** Outputs of one decode step. */
export interface DecodeOutput {
  /** `[B, V]` */
  readonly logits: Float32Array;
  /** `[B, d]` */
  readonly hidden: Float32Array;
}

/** Consecutive positions of one row, to be computed in one run. */
export interface PositionWindow {
  readonly count: number;
  /** Valid entries of the row before them. */
  readonly length: number;
  /** The row alone. */
  readonly cache: CacheView;
}

interface HostWindow extends PositionWindow {
  readonly cache: HostView;
}

/** Which precision a step runs in. */
export interface PrecisionPlan {
  /** Of every step with a deterministic sequence: one for all batch sizes, since each rounds in its own way. */
  readonly deterministic: Precision;
  /** Of other steps, by rows: the entry of one row first. Larger batches take the last. */
  readonly free: readonly Precision[];
}

/** Of float32 caches: up to this many floats per entry and layer on each side (key-value heads times their dimension), attention is fastest over a row's whole cache at once: bench/RESULTS.md. */
const NARROW_CACHE = 64;

const REFERENCE: PrecisionPlan = { deterministic: 'fp32', free: ['fp32'] };

interface Graphs {
  readonly prefill: GraphSession;
  readonly given: GraphSession | undefined;
  readonly together: GraphSession | undefined;
  /** `given` with its caches on the device. */
  readonly onDevice: GraphSession | undefined;
  readonly decode: ReadonlyMap<Precision, GraphSession>;
  readonly head: GraphSession;
  readonly audioHead: GraphSession | undefined;
  readonly textHead: GraphSession | undefined;
}

export class LanguageModel {
  readonly config: Manifest['languageModel'];
  /** Of how many rows one run of `ahead` can compute positions. */
  readonly rowsAhead: number;
  /** Of one row of a cache that this model works on. */
  readonly rowShape: Omit<CacheShape, 'slots' | 'spare'>;
  readonly #graphs: Graphs;
  #plan = REFERENCE;
  /** Where the padding of a run over fewer rows than its graph has writes to: one entry of a layer. */
  readonly #spare: CacheEntries;
  /** Tensors over a view's memory live as long as the view. */
  readonly #cacheTensors = new WeakMap<HostView, { readonly feeds: Tensors; readonly fetches: Tensors }>();

  private constructor(config: Manifest['languageModel'], graphs: Graphs, scales: CacheShape['scales']) {
    const { layers, kvHeads, maxLength, headDim } = config;
    this.config = config;
    this.rowsAhead = Math.max(1, graphs.together?.inputNames.filter((name) => name.startsWith('past_key_0_')).length ?? 0);
    this.rowShape = { layers, kvHeads, maxLength, headDim, scales };
    this.#graphs = graphs;
    this.#spare = new (scales === undefined ? Float32Array : Int8Array)(kvHeads * headDim);
  }

  static async open(bundle: Bundle, options: SessionOptions): Promise<LanguageModel> {
    const config = bundle.manifest.languageModel;
    // The other precisions, and int8 caches, are kernels of the CPU.
    const onCpu = options.provider === 'cpu';
    const int8Cache = onCpu && options.int8Cache === true ? config.int8Cache : undefined;
    const stepping = int8Cache ?? config;
    const graphOptions = { ...options, wholeAttention: int8Cache !== undefined || config.kvHeads * config.headDim <= NARROW_CACHE };
    const open = (file: string): Promise<GraphSession> => GraphSession.open(bundleFile(bundle, file), graphOptions);
    // The binding counts places by what is fetched, which leaves out the sentinel: each output's place is that of the one before it.
    const resident = options.provider === 'webgpu' ? ['hidden', ...sidesOf(config).map((side) => `present_${side}`)] : [];
    const fp32 = await GraphSession.open(bundleFile(bundle, stepping.decode), graphOptions, resident);
    const decode = new Map<Precision, GraphSession>([['fp32', fp32]]);
    const others = onCpu ? Object.entries(stepping.precisions) : [];
    for (const [precision, file] of others) decode.set(precision as Precision, await open(file));
    const given = stepping.given !== undefined ? await open(stepping.given) : undefined;
    return new LanguageModel(config, {
      prefill: await open(config.prefill),
      given,
      onDevice: fp32.provider === 'webgpu' && given?.provider === 'webgpu' && predicts(given) ? await GraphSession.open(given.path, graphOptions, resident) : undefined,
      // A kernel of the CPU as well.
      together: onCpu && stepping.together !== undefined ? await open(stepping.together) : undefined,
      decode,
      head: await open(config.head),
      audioHead: config.audioHead === undefined ? undefined : await open(config.audioHead),
      textHead: config.textHead === undefined ? undefined : await open(config.textHead),
    }, int8Cache?.scales);
  }

  /** Those of the bundle that this provider runs, fp32 first. */
  get precisions(): readonly Precision[] {
    return [...this.#graphs.decode.keys()];
  }

  /** Steps run in these precisions from now on. */
  use(plan: PrecisionPlan): void {
    this.#plan = plan;
  }

  /** Keys and values of a prefix of `P` tokens, which attends in both directions. */
  async prefill(prefix: Prefix): Promise<PrefixCache> {
    const { prefill } = this.#graphs;
    const { length } = prefix;
    const outputs = await prefill.run(prefill.inputNames.includes('code_ids') ? inputsOf(prefix, [1, length], prefill) : { row_ids: int64Tensor(firstRows(prefix), [1, length]) });
    const side = (name: string) => Array.from({ length: this.config.layers }, (_, layer) => floats(outputs[`${name}_${layer}`], `${name}_${layer}`));
    return { length, keys: side('key'), values: side('value') };
  }

  /** Whether `given` can be called. */
  get runsGiven(): boolean {
    return this.#graphs.given !== undefined;
  }

  /** Whether `ahead` can be called: the bundle has the graph, and it runs where the cache is. */
  get runsAhead(): boolean {
    const { decode, given, onDevice } = this.#graphs;
    return decode.get('fp32')?.provider === 'webgpu' ? onDevice !== undefined : given !== undefined && predicts(given);
  }

  /**
   * Entries of the `N` next positions of the one row of `cache`, whose codes are given: what as many steps would write, in one run. `length`: valid entries
   * before it. Always in float32.
   */
  async given(input: StepInput, length: number, cache: HostView): Promise<void> {
    await this.#runPositions(input, length, cache, {});
  }

  /**
   * The same for windows of `rowsAhead` rows at most, told one after the other by `input`, with what each position predicts, one after the other `[N, V]` and `[N, d]`:
   * right where all the codes that it and those before it in its window are told are.
   */
  async ahead(input: StepInput, windows: readonly PositionWindow[]): Promise<DecodeOutput> {
    const [first] = windows;
    if (first === undefined) throw new Error('a run without positions');
    if ('device' in first.cache) {
      if (windows.length > 1) throw new Error(`a run on the device has one row, not ${windows.length}`);
      return await this.#runOnDevice(input, first.length, first.cache);
    }
    if (windows.length > 1) return await this.#runTogether(input, windows as readonly HostWindow[]);
    const count = this.#positionsOf(input);
    const output = this.#emptyOutput(count);
    await this.#runPositions(input, first.length, first.cache, this.#outputTensors(output, count));
    return output;
  }

  /** Rows that the graph has and nobody needs get one position each. */
  async #runTogether(input: StepInput, windows: readonly HostWindow[]): Promise<DecodeOutput> {
    const together = required(this.#graphs.together, 'graph for positions of several rows');
    const padding = this.rowsAhead - windows.length;
    if (padding < 0) throw new Error(`a run has ${this.rowsAhead} rows, not ${windows.length}`);
    const total = this.#positionsOf(input);
    const output = this.#emptyOutput(total + padding);
    const { kvHeads, headDim, layers } = this.config;
    const spare = entriesTensor(this.#spare, [1, kvHeads, 1, headDim]);
    const counts = new BigInt64Array(this.rowsAhead).fill(1n);
    const [feeds, fetches]: [Record<string, Tensors[string]>, Record<string, Tensors[string]>] = [{}, {}];
    for (let row = 0; row < this.rowsAhead; row += 1) {
      const window = windows[row];
      const { count, length } = window ?? { count: 1, length: 0 };
      counts[row] = BigInt(count);
      feeds[`seqlens_k_${row}`] = int32Tensor(Int32Array.of(length + count - 1), [1]);
      feeds[`total_sequence_length_${row}`] = int32Tensor(Int32Array.of(length + count), []);
      const known = window === undefined ? undefined : this.#tensorsOf(window.cache).feeds;
      for (let layer = 0; layer < layers; layer += 1) {
        for (const side of ['key', 'value'] as const) {
          const tensor = known?.[`past_${side}_${layer}`] ?? spare;
          feeds[`past_${side}_${layer}_${row}`] = tensor;
          fetches[`present_${side}_${layer}_${row}`] = tensor;
        }
      }
    }
    const told = inputsOf(padded(input, total, padding), [total + padding], together);
    await together.runInPlace({ ...told, counts: int64Tensor(counts, [this.rowsAhead]), ...feeds }, { ...this.#outputTensors(output, total + padding), ...fetches });
    return { logits: output.logits.subarray(0, total * this.config.outputSize), hidden: output.hidden.subarray(0, total * this.config.width) };
  }

  async #runPositions(input: StepInput, length: number, cache: HostView, outputs: Tensors): Promise<void> {
    const given = required(this.#graphs.given, 'graph for given positions');
    const count = this.#positionsOf(input);
    const { feeds, fetches } = this.#tensorsOf(cache);
    const told = {
      ...inputsOf(input, [count], given),
      seqlens_k: int32Tensor(Int32Array.of(length + count - 1), [1]),
      total_sequence_length: int32Tensor(Int32Array.of(length + count), []),
      ...feeds,
    };
    if (given.provider !== 'webgpu') return await given.runInPlace(told, { ...outputs, ...fetches });
    const found = await given.run(told, Object.keys(fetches));
    // Another provider's caches are float32.
    cache.keys.forEach((layer, l) => layer.set(floats(found[`present_key_${l}`], 'present_key')));
    cache.values.forEach((layer, l) => layer.set(floats(found[`present_value_${l}`], 'present_value')));
  }

  /**
   * One step for the `B` rows of `cache`: what each is told, and `lengths` `[B]` valid entries before the step.
   * Writes each row's new entry into the cache at its length, in place. `deterministic`: one of the rows is a deterministic sequence's.
   */
  async decode(input: StepInput, lengths: Int32Array, cache: CacheView, deterministic = true): Promise<DecodeOutput> {
    if ('device' in cache) return await this.#decodeOnDevice(input, lengths, cache);
    const { rows } = cache;
    const output = this.#emptyOutput(rows);
    const { feeds, fetches } = this.#tensorsOf(cache);
    const total = Int32Array.of(lengths.reduce((longest, length) => Math.max(longest, length), 0) + 1);
    const session = this.#session(rows, deterministic);
    await session.runInPlace(
      {
        ...inputsOf(input, [rows], session),
        seqlens_k: int32Tensor(lengths, [rows]),
        total_sequence_length: int32Tensor(total, []),
        ...feeds,
      },
      { ...this.#outputTensors(output, rows), ...fetches },
    );
    return output;
  }

  /** Rows in the device's memory for a cache of `rows` slots; undefined where the cache is in this process's. The caller closes them. */
  deviceRows(rows: number): DeviceRows | undefined {
    const { layers, kvHeads, maxLength, headDim } = this.config;
    return this.#graphs.decode.get('fp32')?.provider === 'webgpu' ? new GpuRows({ rows, layers, kvHeads, maxLength, headDim }) : undefined;
  }

  async #decodeOnDevice(input: StepInput, lengths: Int32Array, { device, places }: DeviceView): Promise<DecodeOutput> {
    const session = this.#session(places.length, true);
    const [logits, hidden] = await gpuRows(device).step({ session, places, lengths, ids: idsOf(input, session), fetch: ['logits', 'hidden'] });
    return { logits: logits as Float32Array, hidden: hidden as Float32Array };
  }

  async #runOnDevice(input: StepInput, length: number, { device, places }: DeviceView): Promise<DecodeOutput> {
    const session = required(this.#graphs.onDevice, 'graph for given positions on the device');
    const [logits, hidden] = await gpuRows(device).run(places[0] as number, { session, count: this.#positionsOf(input), length, ids: idsOf(input, session), fetch: ['logits', 'hidden'] });
    return { logits: logits as Float32Array, hidden: hidden as Float32Array };
  }

  /** Logits of sub-token b `[B, size]` given `hidden` `[B, d]` and the drawn sub-token `a` `[B]`. */
  async head(hidden: Float32Array, a: BigInt64Array): Promise<Float32Array> {
    const rows = a.length;
    const outputs = await this.#graphs.head.run({ hidden: floatTensor(hidden, [rows, this.config.width]), a: int64Tensor(a, [rows]) });
    return floats(outputs['logits_b'], 'logits_b');
  }

  /** Logits of audio codes `[B, codebookSize]` given `hidden` `[B, d]` and the level of each `[B]`. */
  async audioHead(hidden: Float32Array, levels: BigInt64Array): Promise<Float32Array> {
    const rows = levels.length;
    const outputs = await required(this.#graphs.audioHead, 'audio head').run({ hidden: floatTensor(hidden, [rows, this.config.width]), level: int64Tensor(levels, [rows]) });
    return floats(outputs['logits'], 'logits');
  }

  /** Logits of pieces of text, and of its end, `[B, textSize + 1]` given `hidden` `[B, d]`. */
  async textHead(hidden: Float32Array): Promise<Float32Array> {
    const outputs = await required(this.#graphs.textHead, 'text head').run({ hidden: floatTensor(hidden, [hidden.length / this.config.width, this.config.width]) });
    return floats(outputs['logits'], 'logits');
  }

  async close(): Promise<void> {
    const { prefill, given, together, onDevice, decode, head, audioHead, textHead } = this.#graphs;
    await Promise.all([prefill, given, together, onDevice, ...decode.values(), head, audioHead, textHead].map(async (graph) => await graph?.close()));
  }

  #positionsOf({ rowIds }: StepInput): number {
    return rowIds.length / (3 + this.config.rows.contexts.length);
  }

  /** NaN until the graph writes it: the sampler refuses an output that was never filled. */
  #emptyOutput(rows: number): DecodeOutput {
    return { logits: new Float32Array(rows * this.config.outputSize).fill(NaN), hidden: new Float32Array(rows * this.config.width).fill(NaN) };
  }

  #outputTensors({ logits, hidden }: DecodeOutput, rows: number): Tensors {
    return { logits: floatTensor(logits, [rows, this.config.outputSize]), hidden: floatTensor(hidden, [rows, this.config.width]) };
  }

  #session(rows: number, deterministic: boolean): GraphSession {
    const { deterministic: fixed, free } = this.#plan;
    const precision = deterministic ? fixed : (free[Math.min(rows, free.length) - 1] ?? fixed);
    const session = this.#graphs.decode.get(precision);
    if (session === undefined) throw new Error(`the language model was not opened in ${precision}`);
    return session;
  }

  /** The same tensors as feed and as fetch: that is what makes the graph write the cache in place. */
  #tensorsOf(cache: HostView): { readonly feeds: Tensors; readonly fetches: Tensors } {
    const known = this.#cacheTensors.get(cache);
    if (known !== undefined) return known;
    const { kvHeads, maxLength, headDim, layers } = this.config;
    const dims = [cache.rows, kvHeads, maxLength, headDim];
    const [feeds, fetches]: [Record<string, Tensors[string]>, Record<string, Tensors[string]>] = [{}, {}];
    for (let layer = 0; layer < layers; layer += 1) {
      for (const [side, arrays] of [['key', cache.keys], ['value', cache.values]] as const) {
        const tensor = entriesTensor(arrays[layer] as CacheEntries, dims);
        feeds[`past_${side}_${layer}`] = tensor;
        fetches[`present_${side}_${layer}`] = tensor;
      }
    }
    const tensors = { feeds, fetches };
    this.#cacheTensors.set(cache, tensors);
    return tensors;
  }
}

function required(graph: GraphSession | undefined, name: string): GraphSession {
  if (graph === undefined) throw new Error(`the bundle has no ${name}`);
  return graph;
}

/** Whether a graph for given positions says what they predict. */
function predicts({ outputNames }: GraphSession): boolean {
  return outputNames.includes('logits');
}

function gpuRows(device: DeviceRows): GpuRows {
  if (!(device instanceof GpuRows)) throw new Error('the cache is not of this model');
  return device;
}

/** `tokens` tokens, and `more` of zeros behind: the first entry of each table. */
function padded({ rowIds, codeIds, audioIds }: StepInput, tokens: number, more: number): StepInput {
  const longer = (ids: BigInt64Array): BigInt64Array => {
    const all = new BigInt64Array((ids.length / tokens) * (tokens + more));
    all.set(ids);
    return all;
  };
  return { rowIds: longer(rowIds), codeIds: longer(codeIds), audioIds: longer(audioIds) };
}

function entriesTensor(entries: CacheEntries, dims: readonly number[]): Tensors[string] {
  return entries instanceof Int8Array ? int8Tensor(entries, dims) : floatTensor(entries, dims);
}

/** By the graph's names. A bundle without sound has no audio inputs. */
function idsOf({ rowIds, codeIds, audioIds }: StepInput, graph: GraphSession): Readonly<Record<string, BigInt64Array>> {
  return { row_ids: rowIds, code_ids: codeIds, ...(graph.inputNames.includes('audio_ids') ? { audio_ids: audioIds } : {}) };
}

/** `[...dims, ids of a token]` each. */
function inputsOf(input: StepInput, dims: readonly number[], graph: GraphSession): Tensors {
  const tokens = dims.reduce((product, extent) => product * extent, 1);
  return Object.fromEntries(Object.entries(idsOf(input, graph)).map(([name, ids]) => [name, int64Tensor(ids, [...dims, ids.length / tokens])]));
}

/** The first table row of each token: all that the prefix graph of a bundle of format 2 reads. */
function firstRows({ rowIds, length }: Prefix): BigInt64Array {
  return BigInt64Array.from({ length }, (_, token) => rowIds[(token * rowIds.length) / length] as bigint);
}
