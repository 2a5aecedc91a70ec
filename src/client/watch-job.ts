import { createClient, type Client, type FormattedExecutionResult } from 'graphql-ws/client';
import { CinegraphClientError } from './client-error.ts';
import { JOB_EVENTS } from './documents.ts';
import type { JobEvent } from './types.ts';

export interface WatchOptions {
  /** Number of the last event that was seen; 0 for all. */
  readonly afterSeq?: number;
  /** Ask for the pictures inside the events, as `dataUrl`. */
  readonly previews?: boolean;
  /** Ends the iteration without an error. The job goes on. */
  readonly signal?: AbortSignal;
  /** Gives up when the server has been away for so long, ms. Default 60 000. */
  readonly giveUpAfterMs?: number;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

/**
 * Every event of a job in order, none twice, until it has ended. A lost connection is taken up again after the last event that came
 * through. Throws CinegraphClientError when the server refuses or stays away.
 */
export async function* watchJob(url: string, jobId: string, options: WatchOptions = {}): AsyncGenerator<JobEvent, void, void> {
  const { previews = false, signal, giveUpAfterMs = 60_000 } = options;
  let afterSeq = options.afterSeq ?? 0;
  let pauseMs = FIRST_PAUSE_MS;
  let downSince: number | undefined;
  const aborted = () => signal?.aborted === true;
  const onConnected = () => {
    downSince = undefined;
    pauseMs = FIRST_PAUSE_MS;
  };
  while (!aborted()) {
    try {
      for await (const event of connectOnce(url, { jobId, afterSeq, previews }, signal, onConnected)) {
        if (event.seq <= afterSeq) continue;
        afterSeq = event.seq;
        yield event;
        if (event.__typename === 'JobFinished') return;
      }
    } catch (error) {
      if (aborted()) return;
      if (error instanceof CinegraphClientError && !error.retryable) throw error;
      downSince ??= Date.now();
      if (Date.now() - downSince > giveUpAfterMs) throw error instanceof CinegraphClientError ? error : CinegraphClientError.unreachable(url, error);
    }
    // Clients that lost the same server must not come back in step.
    await pause(pauseMs * (0.5 + Math.random() / 2), signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

interface Variables extends Record<string, unknown> {
  readonly jobId: string;
  readonly afterSeq: number;
  readonly previews: boolean;
}

/** One connection. Ends when the server completes; throws what broke it. */
async function* connectOnce(
  url: string,
  variables: Variables,
  signal: AbortSignal | undefined,
  onConnected: () => void,
): AsyncGenerator<JobEvent, void, void> {
  const client = createClient({ url: socketUrl(url), retryAttempts: 0, lazy: true, keepAlive: 15_000, on: { connected: onConnected } });
  const stop = () => void client.dispose();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const { data, errors } of results(client, variables)) {
      const [error] = errors ?? [];
      if (error !== undefined) throw CinegraphClientError.fromGraphql(error);
      if (data?.jobEvents !== undefined) yield data.jobEvents;
    }
  } catch (error) {
    // graphql-ws throws the errors of an operation that was refused as an array.
    if (Array.isArray(error) && error.length > 0) throw CinegraphClientError.fromGraphql(error[0]);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await client.dispose();
  }
}

function results(client: Client, variables: Variables): AsyncIterableIterator<FormattedExecutionResult<{ jobEvents: JobEvent }, unknown>> {
  return client.iterate<{ jobEvents: JobEvent }>({ query: JOB_EVENTS, variables }) as AsyncIterableIterator<
    FormattedExecutionResult<{ jobEvents: JobEvent }, unknown>
  >;
}

function socketUrl(url: string): string {
  return `${url.replace(/^http/, 'ws')}/graphql`;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
