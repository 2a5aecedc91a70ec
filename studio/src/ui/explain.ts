import { CinegraphClientError } from '../../../src/client/index.ts';

export interface Explanation {
  readonly message: string;
  /** What to do now; empty when the message says it. */
  readonly wayOut: string;
}

/** Sentences for codes whose message says what was wrong but not what to do. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  UNREACHABLE: 'Look whether the server still runs. What it accepted goes on there.',
  QUEUE_FULL: 'Wait for a job to end, or cancel one.',
  DATABASE_UNAVAILABLE: 'It comes back by itself after a restart; try again in a moment.',
  INFERENCE_UNAVAILABLE: 'The model is starting; try again in a moment.',
  INFERENCE_CRASHED: 'Try again. If it happens again, look into the log of the server.',
  DEADLINE_EXCEEDED: 'Try again when fewer jobs run.',
  STORAGE_FULL: 'Delete what is not needed in the library.',
  TASK_NOT_SUPPORTED: 'The System page lists what this model does.',
  UNAUTHENTICATED: 'Give a key that works: the page asks for one.',
  FORBIDDEN: 'The System page says what your key may be used for, and takes another one.',
  URL_EXPIRED: 'Load the page again for a fresh one.',
  INTERNAL: 'Try again. If it happens again, look into the log of the server.',
};

export function explain(error: unknown): Explanation {
  if (isCoded(error)) return { message: error.message, wayOut: WAYS_OUT[error.code] ?? '' };
  if (error instanceof Error) return { message: `The page made a mistake: ${error.message}.`, wayOut: 'Load it again.' };
  return { message: 'Something went wrong.', wayOut: 'Load the page again.' };
}

/** The client's errors, and a job's. */
function isCoded(error: unknown): error is { readonly code: string; readonly message: string } {
  return error instanceof CinegraphClientError || (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && 'message' in error);
}
