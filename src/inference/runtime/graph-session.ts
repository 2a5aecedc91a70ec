/** One ONNX graph, loaded. The only place that calls onnxruntime's `run`. */
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { onnxModel } from './onnx-graph.ts';

export type ExecutionProvider = 'cuda' | 'webgpu' | 'cpu';

export interface SessionOptions {
  readonly provider: ExecutionProvider;
  readonly threads: number;
  /** GroupQueryAttention on the CPU scores a row's whole cache at once instead of block by block: faster where caches are small. Default: no. */
  readonly wholeAttention?: boolean;
  /** The language model's caches are int8 where the bundle has graphs for that and the CPU runs them. Default: no. */
  readonly int8Cache?: boolean;
  /** File names of graphs that run on the processor all the same: the device cannot run them, or gets something else. */
  readonly onCpu?: ReadonlySet<string> | undefined;
}

/** The provider that runs a graph of this path. */
export function providerOf(path: string, { provider, onCpu }: SessionOptions): ExecutionProvider {
  return onCpu?.has(basename(path)) === true ? 'cpu' : provider;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** A loaded graph, on this thread or on one of its own. */
export interface GraphRunner {
  /** Every output is a fresh tensor. */
  run(feeds: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

/**
 * First output of a graph that runs in place, of Sequence type. onnxruntime-node copies each fetched output into a fresh buffer,
 * preallocated ones too, in the order of the graph's outputs; it cannot convert a Sequence and throws at the first one: after the run,
 * before any copy. onnxruntime-node is pinned for this, and the engine proves at start that the cache aliases.
 */
export const SENTINEL = 'aa_sentinel';
/** onnxruntime reads it from the environment while it loads a graph; there is no session option for it. */
const NO_BLOCKS = 'ORT_GQA_DISABLE_FLASH_ATTENTION';
/** Look-ups in float16 tables have these names (docs/BUNDLE.md, "Graphs"): left to the processor, they need no float16 of a device. */
const HOST_LOOKUPS = Array.from({ length: 16 }, (_, i) => `host_${i}`);
const SENTINEL_MESSAGE = 'Non tensor type is temporarily not supported';

export class GraphSession implements GraphRunner {
  readonly path: string;
  readonly provider: ExecutionProvider;
  readonly #session: InferenceSession;

  private constructor(path: string, provider: ExecutionProvider, session: InferenceSession) {
    this.path = path;
    this.provider = provider;
    this.#session = session;
  }

  /** Loads a graph; external data is found beside it. Blocks the thread while it loads. `resident`: outputs that stay in the device's memory. */
  static async open(path: string, options: SessionOptions, resident: readonly string[] = []): Promise<GraphSession> {
    if (!existsSync(path)) throw new Error(`${path} does not exist`);
    const provider = providerOf(path, options);
    const { threads, wholeAttention = false } = options;
    if (wholeAttention) process.env[NO_BLOCKS] = '1';
    try {
      const session = await InferenceSession.create(path, {
        executionProviders: [provider === 'webgpu' ? { name: 'webgpu', forceCpuNodeNames: HOST_LOOKUPS } : provider],
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        ...(resident.length > 0 ? { preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer'])) } : {}),
      });
      return new GraphSession(path, provider, session);
    } finally {
      if (wholeAttention) delete process.env[NO_BLOCKS];
    }
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs the graph; every output, or those named in `fetch`, is a fresh tensor. Blocks the thread for the length of the run. */
  async run(feeds: Tensors, fetch?: readonly string[]): Promise<Tensors> {
    return await (fetch === undefined ? this.#session.run(feeds) : this.#session.run(feeds, fetch));
  }

  /** Runs a graph whose first output is the sentinel: `fetches` are written in place, nothing is returned. */
  async runInPlace(feeds: Tensors, fetches: Tensors): Promise<void> {
    try {
      await this.#session.run(feeds, { [SENTINEL]: null, ...fetches });
    } catch (error) {
      if (error instanceof Error && error.message.includes(SENTINEL_MESSAGE)) return;
      throw error;
    }
    throw new Error(`${this.path} did not stop at ${SENTINEL}: its outputs were copied instead of written in place`);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Opens a graph of one node, to see whether a provider finds its libraries and a device. Throws what onnxruntime throws. */
export async function openSmallestGraph(provider: ExecutionProvider): Promise<void> {
  const value = (name: string) => ({ name, type: 'float32', dims: [1] }) as const;
  const model = onnxModel({ nodes: [{ operator: 'Add', inputs: ['in', 'in'], output: 'out' }], inputs: [value('in')], outputs: [value('out')], constants: [] });
  await (await InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 })).release();
}
