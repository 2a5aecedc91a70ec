/** Adapter of the language model's three graphs (docs/BUNDLE.md, "Graphs"). Owner of their sessions. */
import type { CacheView, PrefixCache } from '../core/cache-view.ts';
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { Manifest, Precision } from '../core/manifest.ts';
import { GraphSession, type SessionOptions, type Tensors } from '../runtime/graph-session.ts';
import { floats, floatTensor, int32Tensor, int64Tensor } from '../runtime/tensors.ts';
import type { StepInput } from '../tokenizers/video-grid.ts';

/** Outputs of one decode step. */
export interface DecodeOutput {
  /** `[B, V]` */
  readonly logits: Float32Array;
  /** `[B, d]` */
  readonly hidden: Float32Array;
}

/** Which precision a step runs in. */
export interface PrecisionPlan {
  /** Of every step with a deterministic sequence: one for all batch sizes, since each rounds in its own way. */
  readonly deterministic: Precision;
  /** Of other steps, by rows: the entry of one row first. Larger batches take the last. */
  readonly free: readonly Precision[];
}

const REFERENCE: PrecisionPlan = { deterministic: 'fp32', free: ['fp32'] };

export class LanguageModel {
  readonly config: Manifest['languageModel'];
  readonly #prefill: GraphSession;
  readonly #decode: ReadonlyMap<Precision, GraphSession>;
  readonly #head: GraphSession;
  #plan = REFERENCE;
  /** Tensors over a view's memory live as long as the view. */
  readonly #cacheTensors = new WeakMap<CacheView, { readonly feeds: Tensors; readonly fetches: Tensors }>();

  private constructor(config: Manifest['languageModel'], prefill: GraphSession, decode: ReadonlyMap<Precision, GraphSession>, head: GraphSession) {
    this.config = config;
    this.#prefill = prefill;
    this.#decode = decode;
    this.#head = head;
  }

  static async open(bundle: Bundle, options: SessionOptions): Promise<LanguageModel> {
    const config = bundle.manifest.languageModel;
    const prefill = await GraphSession.open(bundleFile(bundle, config.prefill), options);
    const decode = new Map([['fp32', await GraphSession.open(bundleFile(bundle, config.decode), options)] as [Precision, GraphSession]]);
    // The other precisions are kernels of the CPU.
    const others = options.provider === 'cpu' ? Object.entries(config.precisions) : [];
    for (const [precision, file] of others) decode.set(precision as Precision, await GraphSession.open(bundleFile(bundle, file), options));
    const head = await GraphSession.open(bundleFile(bundle, config.head), options);
    return new LanguageModel(config, prefill, decode, head);
  }

  /** Those of the bundle that this provider runs, fp32 first. */
  get precisions(): readonly Precision[] {
    return [...this.#decode.keys()];
  }

  /** Steps run in these precisions from now on. */
  use(plan: PrecisionPlan): void {
    this.#plan = plan;
  }

  /** Keys and values of a prefix of `P` rows, which attends in both directions. */
  async prefill(rowIds: readonly number[]): Promise<PrefixCache> {
    const outputs = await this.#prefill.run({ row_ids: int64Tensor(BigInt64Array.from(rowIds, BigInt), [1, rowIds.length]) });
    const side = (name: string) => Array.from({ length: this.config.layers }, (_, layer) => floats(outputs[`${name}_${layer}`], `${name}_${layer}`));
    return { length: rowIds.length, keys: side('key'), values: side('value') };
  }

  /**
   * One step for the `B` rows of `cache`: what each is told, and `lengths` `[B]` valid entries before the step.
   * Writes each row's new entry into the cache at its length, in place. `deterministic`: one of the rows is a deterministic sequence's.
   */
  async decode({ rowIds, codeIds }: StepInput, lengths: Int32Array, cache: CacheView, deterministic = true): Promise<DecodeOutput> {
    const { rows } = cache;
    // NaN until the graph writes them: the sampler refuses an output that was never filled.
    const output = { logits: new Float32Array(rows * this.config.outputSize).fill(NaN), hidden: new Float32Array(rows * this.config.width).fill(NaN) };
    const { feeds, fetches } = this.#tensorsOf(cache);
    const total = Int32Array.of(lengths.reduce((longest, length) => Math.max(longest, length), 0) + 1);
    await this.#session(rows, deterministic).runInPlace(
      {
        row_ids: int64Tensor(rowIds, [rows, rowIds.length / rows]),
        code_ids: int64Tensor(codeIds, [rows, codeIds.length / rows]),
        seqlens_k: int32Tensor(lengths, [rows]),
        total_sequence_length: int32Tensor(total, []),
        ...feeds,
      },
      {
        logits: floatTensor(output.logits, [rows, this.config.outputSize]),
        hidden: floatTensor(output.hidden, [rows, this.config.width]),
        ...fetches,
      },
    );
    return output;
  }

  /** Logits of sub-token b `[B, size]` given `hidden` `[B, d]` and the drawn sub-token `a` `[B]`. */
  async head(hidden: Float32Array, a: BigInt64Array): Promise<Float32Array> {
    const rows = a.length;
    const outputs = await this.#head.run({ hidden: floatTensor(hidden, [rows, this.config.width]), a: int64Tensor(a, [rows]) });
    return floats(outputs['logits_b'], 'logits_b');
  }

  async close(): Promise<void> {
    await Promise.all([this.#prefill, ...this.#decode.values(), this.#head].map(async (session) => await session.close()));
  }

  #session(rows: number, deterministic: boolean): GraphSession {
    const { deterministic: fixed, free } = this.#plan;
    const precision = deterministic ? fixed : (free[Math.min(rows, free.length) - 1] ?? fixed);
    const session = this.#decode.get(precision);
    if (session === undefined) throw new Error(`the language model was not opened in ${precision}`);
    return session;
  }

  /** The same tensors as feed and as fetch: that is what makes the graph write the cache in place. */
  #tensorsOf(cache: CacheView): { readonly feeds: Tensors; readonly fetches: Tensors } {
    const known = this.#cacheTensors.get(cache);
    if (known !== undefined) return known;
    const { kvHeads, maxLength, headDim, layers } = this.config;
    const dims = [cache.rows, kvHeads, maxLength, headDim];
    const [feeds, fetches]: [Record<string, Tensors[string]>, Record<string, Tensors[string]>] = [{}, {}];
    for (let layer = 0; layer < layers; layer += 1) {
      for (const [side, arrays] of [['key', cache.keys], ['value', cache.values]] as const) {
        const tensor = floatTensor(arrays[layer] as Float32Array, dims);
        feeds[`past_${side}_${layer}`] = tensor;
        fetches[`present_${side}_${layer}`] = tensor;
      }
    }
    const tensors = { feeds, fetches };
    this.#cacheTensors.set(cache, tensors);
    return tensors;
  }
}
