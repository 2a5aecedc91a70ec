import { setTimeout as sleep } from 'node:timers/promises';
import { isStorageAway } from './pg-error.ts';

const DELAYS_MS = [50, 100, 200, 400, 800, 1600, 2000] as const;

export interface UntilDatabaseOptions {
  /** How long to go on while they are away, in ms. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tries again while Postgres, or the store of the bytes, is away, until the deadline or the abort; then throws the last error. Any other error passes at once.
 * The work must be safe to repeat: a connection may break after the commit and before the answer.
 */
export async function untilDatabase<T>(work: () => Promise<T>, { deadlineMs, signal }: UntilDatabaseOptions): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const delay = DELAYS_MS[Math.min(tries, DELAYS_MS.length - 1)] ?? 0;
      if (!isStorageAway(error) || performance.now() + delay > end || signal?.aborted === true) throw error;
      await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    }
  }
}
