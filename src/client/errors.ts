import type { ErrorCode, Job } from './types.ts';

/** Codes of this client itself. */
type ClientCode = 'UNREACHABLE' | 'TRANSFER_FAILED' | 'BAD_ANSWER';
/** One of docs/ERRORS.md, one of GraphQL's own (`GRAPHQL_VALIDATION_FAILED`, ...), or one of this client's. */
export type ClientErrorCode = ErrorCode | ClientCode | (string & {});

interface Details {
  readonly field?: readonly string[] | null;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** What every method of the client throws, apart from the reason of an AbortSignal. Branch on the class or on `code`. */
export class CinegraphClientError extends Error {
  override readonly name: string = 'CinegraphClientError';
  readonly code: ClientErrorCode;
  /** Path of the input field at fault, for example `['input', 'prompt']`; null when it is none in particular. */
  readonly field: readonly string[] | null;
  /** True when the same call may succeed later. */
  readonly retryable: boolean;

  constructor(code: ClientErrorCode, message: string, { field, retryable, cause }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.field = field ?? null;
    this.retryable = retryable ?? false;
  }
}

export interface UserErrorShape {
  readonly code: ErrorCode;
  readonly field: readonly string[] | null;
  readonly message: string;
}

/** The input of a mutation was at fault: `code`, `field` and `message` are those of the first of `errors`. Nothing was changed. */
export class InputError extends CinegraphClientError {
  override readonly name = 'InputError';
  /** All that the server found. */
  readonly errors: readonly UserErrorShape[];

  constructor(first: UserErrorShape, errors: readonly UserErrorShape[]) {
    super(first.code, first.message, { field: first.field });
    this.errors = errors;
  }
}

/** The server refused an operation, or failed at it. */
export class RequestError extends CinegraphClientError {
  override readonly name: string = 'RequestError';
}

/** The caller is not known, or may not do this: the token is missing, wrong, expired or too weak. */
export class AccessError extends RequestError {
  override readonly name = 'AccessError';
}

/** Too many requests, or too much work at once. */
export class RateLimitError extends RequestError {
  override readonly name = 'RateLimitError';
  /** Milliseconds after which to try again; null when the server did not say. */
  readonly retryAfterMs: number | null;

  constructor(code: ClientErrorCode, message: string, retryAfterMs: number | null, details: Details = {}) {
    super(code, message, { ...details, retryable: true });
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: the server is away, or something in between is. */
export class UnreachableError extends CinegraphClientError {
  override readonly name = 'UnreachableError';

  constructor(url: string, cause?: unknown, why = `No Cinegraph answers at ${url}.`) {
    super('UNREACHABLE', why, { cause, retryable: true });
  }
}

/** The bytes of an upload or a download did not get through. */
export class TransferError extends CinegraphClientError {
  override readonly name = 'TransferError';
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;

  constructor(code: ClientErrorCode, message: string, status: number | null, details: Details = {}) {
    super(code, message, details);
    this.status = status;
  }
}

/** The job ended with `job.error`. */
export class JobFailedError extends CinegraphClientError {
  override readonly name = 'JobFailedError';
  readonly job: Job;

  constructor(job: Job) {
    super(job.error?.code ?? 'INTERNAL', job.error?.message ?? 'The job failed.', { retryable: job.error?.retryable ?? false });
    this.job = job;
  }
}

/** Somebody canceled the job. */
export class JobCanceledError extends CinegraphClientError {
  override readonly name = 'JobCanceledError';
  readonly job: Job;

  constructor(job: Job) {
    super('CANCELED', 'The job was canceled.');
    this.job = job;
  }
}

/** An error as GraphQL sends it. */
export interface GraphqlErrorShape {
  readonly message: string;
  readonly extensions?: { readonly [name: string]: unknown } | undefined;
}

const ACCESS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN']);

/** The class that fits a GraphQL error. `status` and `retryAfterMs` are those of the HTTP answer it came with. */
export function graphqlError({ message, extensions = {} }: GraphqlErrorShape, status?: number, retryAfterMs: number | null = null): RequestError {
  const code = typeof extensions['code'] === 'string' ? extensions['code'] : 'BAD_ANSWER';
  const field = isPath(extensions['field']) ? extensions['field'] : null;
  const after = typeof extensions['retryAfterMs'] === 'number' ? extensions['retryAfterMs'] : retryAfterMs;
  if (status === 429 || code.includes('RATE_LIMIT')) return new RateLimitError(code, message, after, { field });
  if (ACCESS.has(code) || status === 401 || status === 403) return new AccessError(code, message, { field });
  return new RequestError(code, message, { field, retryable: extensions['retryable'] === true });
}

function isPath(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((part) => typeof part === 'string');
}
