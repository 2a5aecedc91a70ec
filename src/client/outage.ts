import { CinegraphClientError, UnreachableError } from './errors.ts';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

/** How long the server has been away, and how long to wait before the next try. */
export interface Outage {
  /** Throws the error when it is not worth another try, or when the server has been away too long. */
  began(error: unknown): void;
  /** The server is there again. */
  over(): void;
  /** Something came through: the next outage starts with short pauses. */
  heard(): void;
  pauseMs(): number;
}

export function createOutage(url: string, giveUpAfterMs: number): Outage {
  let since: number | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  return {
    began(error) {
      if (error instanceof CinegraphClientError && !error.retryable) throw error;
      since ??= Date.now();
      if (Date.now() - since > giveUpAfterMs) throw error instanceof CinegraphClientError ? error : new UnreachableError(url, error);
    },
    over: () => void (since = undefined),
    heard: () => void (pauseMs = FIRST_PAUSE_MS),
    pauseMs() {
      const ms = pauseMs;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      // Clients that lost the same server must not come back in step.
      return ms * (0.5 + Math.random() / 2);
    },
  };
}

/** Ends early, without an error, when the signal says so. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
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
