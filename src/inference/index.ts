/** The only door into inference. */
import type { CacheUsage, InferenceClient } from './core/generation.ts';
import type { LogSink } from './core/log.ts';
import { SupervisedClient, type RestartPolicy } from './ipc/supervised-client.ts';

export type * from './core/generation.ts';
export { listKept } from './core/kept-file.ts';
export type { LogSink } from './core/log.ts';
export type { RestartPolicy } from './ipc/supervised-client.ts';

export interface InferenceClientOptions {
  /** Folder of the model bundle. */
  readonly bundleDir: string;
  /** `auto` takes the fastest that passes the self-check; any other must pass it. */
  readonly provider?: 'auto' | 'cuda' | 'webgpu' | 'cpu';
  /** Threads of one run; 0 or nothing: half of the cores. */
  readonly threads?: number;
  /** Cache slots, and the most rows of one step (a guided clip takes two). Default 16. */
  readonly maxRows?: number;
  /** Clips that may wait for slots before QUEUE_FULL. Default 64. */
  readonly maxWaiting?: number;
  /** Folder that keeps what was found out about this machine; without one nothing is, every start proves all anew, and the model runs in float32. */
  readonly findingsDir?: string;
  /** `auto`: the model multiplies as integers where that is faster. Default. */
  readonly precision?: 'auto' | 'fp32';
  /** Positions of a clip that one run of the model draws at most. Default 32. */
  readonly positionsPerRun?: number;
  readonly log?: LogSink;
  readonly restart?: Partial<RestartPolicy>;
  /** Longest time from fork to the end of the self-check, ms. */
  readonly startTimeoutMs?: number;
  /** Longest silence of the running process before it counts as hung, ms. */
  readonly silenceTimeoutMs?: number;
}

/** `pid`: the inference process, while there is one. */
export interface ForkedInferenceClient extends InferenceClient {
  readonly pid: number | undefined;
  /** How full its cache is, a second old at most; undefined while there is none. */
  readonly usage: CacheUsage | undefined;
}

const DEFAULT_RESTART: RestartPolicy = { maxCrashes: 5, backoffMs: 250, maxBackoffMs: 10_000, healthyMs: 30_000 };

/** Forks the inference process. Returns at once; `ready()` resolves after its self-check. Owner: the caller, who closes it. */
export function createInferenceClient(options: InferenceClientOptions): ForkedInferenceClient {
  const { bundleDir, provider = 'auto', threads = 0, maxRows = 16, maxWaiting = 64, findingsDir, precision = 'auto', positionsPerRun = 32, log = () => undefined } = options;
  return new SupervisedClient({
    start: { bundleDir, provider, threads, maxRows, maxWaiting, findingsDir, precision, positionsPerRun },
    restart: { ...DEFAULT_RESTART, ...options.restart },
    startTimeoutMs: options.startTimeoutMs ?? 120_000,
    silenceTimeoutMs: options.silenceTimeoutMs ?? 60_000,
    log,
  });
}
