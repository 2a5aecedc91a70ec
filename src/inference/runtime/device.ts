/** Names of the machine's processors, and how many threads to use by default. */
import { availableParallelism, cpus } from 'node:os';
import type { ExecutionProvider } from './graph-session.ts';

const MAX_DEFAULT_THREADS = 8;

/** Half of the cores: the server, the encoders and the database live on the same machine, and spinning threads lose to each other. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(MAX_DEFAULT_THREADS, Math.floor(availableParallelism() / 2)));
}

/** One line, e.g. `AMD EPYC 9R14, 2 threads`. */
export function deviceName(provider: ExecutionProvider, threads: number): string {
  if (provider !== 'cpu') return `${provider} device 0`;
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
