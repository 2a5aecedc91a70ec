/**
 * The closed table of error codes. GraphQL `userErrors`, job errors, HTTP routes and the command line all take their codes from here;
 * docs/ERRORS.md is written from it and a test holds them together. Anything that is not a {@link CinegraphError} is a fault of ours:
 * masked for the caller, logged with its cause.
 */
export const ERRORS = {
  PROMPT_EMPTY: { status: 400, retryable: false, message: 'The prompt is empty. Write what the clip should show.' },
  PROMPT_TOO_LONG: { status: 400, retryable: false, message: 'The prompt is longer than the model can read.' },
  SEED_OUT_OF_RANGE: { status: 400, retryable: false, message: 'The seed must be an integer from 0 to 2147483647.' },
  SAMPLING_OUT_OF_RANGE: { status: 400, retryable: false, message: 'A sampling parameter is out of its range.' },
  CANDIDATES_OUT_OF_RANGE: { status: 400, retryable: false, message: 'candidates must be from 1 to 4.' },
  DURATION_NOT_SUPPORTED: { status: 400, retryable: false, message: 'The model cannot make a clip of this duration.' },
  INVALID_INPUT: { status: 400, retryable: false, message: 'The input is not valid.' },
  INVALID_ID: { status: 400, retryable: false, message: 'The id is not one that this server made.' },
  INVALID_CURSOR: { status: 400, retryable: false, message: 'The cursor is not one that this connection returned.' },
  PAGE_SIZE_OUT_OF_RANGE: { status: 400, retryable: false, message: 'first must be from 1 to 100.' },
  IDEMPOTENCY_CONFLICT: { status: 409, retryable: false, message: 'This idempotency key was used with another input.' },
  MODEL_UNKNOWN: { status: 404, retryable: false, message: 'No model with this id is loaded.' },
  TASK_NOT_SUPPORTED: { status: 400, retryable: false, message: 'The model cannot do this task.' },
  UNAUTHENTICATED: { status: 401, retryable: false, message: 'This server needs a credential: an API key or a token, as `Authorization: Bearer ...`.' },
  IDENTITY_PROVIDER_UNAVAILABLE: { status: 503, retryable: true, message: 'The keys of the identity provider cannot be fetched.' },
  FORBIDDEN: { status: 403, retryable: false, message: 'The credential does not allow this.' },
  TOO_MANY_CONNECTIONS: { status: 429, retryable: true, message: 'Too many connections are open.' },
  DOCUMENT_TOO_COMPLEX: { status: 400, retryable: false, message: 'The document asks for too much.' },
  DOCUMENT_NOT_TRUSTED: { status: 400, retryable: false, message: 'This server runs the documents of its manifest only, and this is none of them.' },
  RATE_LIMITED: { status: 429, retryable: true, message: 'Too much in too short a time. Wait as long as `Retry-After` says.' },
  TOO_MANY_JOBS: { status: 429, retryable: true, message: 'Too many of your jobs are waiting or running. Wait until one has ended.' },
  TOKEN_BUDGET_SPENT: { status: 429, retryable: true, message: 'Your tokens of the last 24 hours are spent.' },
  NOT_FOUND: { status: 404, retryable: false, message: 'Nothing with this id exists, or it is not yours.' },
  JOB_NOT_CANCELABLE: { status: 409, retryable: false, message: 'The job has already ended.' },
  JOB_NOT_RETRYABLE: { status: 409, retryable: false, message: 'Only a failed or canceled job can be retried.' },
  QUEUE_FULL: { status: 503, retryable: true, message: 'Too many jobs are waiting. Try again later.' },
  DEADLINE_EXCEEDED: { status: 504, retryable: true, message: 'The job did not finish before its deadline.' },
  CONTENT_REFUSED: { status: 422, retryable: false, message: 'What was asked for, or what was made of it, is not allowed here.' },
  MODERATION_UNAVAILABLE: { status: 503, retryable: true, message: 'What was asked for could not be reviewed in time.' },
  SHOT_FAILED: { status: 409, retryable: true, message: 'A shot of the film could not be made.' },
  CANCELED: { status: 409, retryable: false, message: 'The job was canceled.' },
  INFERENCE_CRASHED: { status: 503, retryable: true, message: 'The inference process ended while it worked on the job.' },
  INFERENCE_UNAVAILABLE: { status: 503, retryable: true, message: 'The inference process is not ready.' },
  PROVIDER_UNAVAILABLE: { status: 500, retryable: false, message: 'The configured execution provider cannot be used on this machine.' },
  BUNDLE_CORRUPT: { status: 500, retryable: false, message: 'The model bundle is damaged or incomplete.' },
  DATABASE_UNAVAILABLE: { status: 503, retryable: true, message: 'The database does not answer.' },
  BUS_UNAVAILABLE: { status: 503, retryable: true, message: 'The NATS server does not answer.' },
  STORAGE_UNAVAILABLE: { status: 503, retryable: true, message: 'The store of the bytes does not answer.' },
  STORAGE_FULL: { status: 507, retryable: true, message: 'There is no space left to store the result.' },
  BACKUP_UNUSABLE: { status: 500, retryable: false, message: 'The backup cannot be made there, or is not complete.' },
  DATA_DIR_LOCKED: { status: 500, retryable: false, message: 'Another Cinegraph already uses this data folder.' },
  DATA_DIR_NOT_WRITABLE: { status: 500, retryable: false, message: 'The data folder cannot be written to.' },
  PORT_IN_USE: { status: 500, retryable: false, message: 'The port is already in use.' },
  CONFIG_INVALID: { status: 500, retryable: false, message: 'The configuration is not valid.' },
  UPLOAD_TOO_LARGE: { status: 413, retryable: false, message: 'The upload is larger than allowed.' },
  UPLOAD_LIMIT_REACHED: { status: 429, retryable: true, message: 'Too many uploads are open. Finalize them, or wait until they expire.' },
  UPLOAD_OFFSET_CONFLICT: { status: 409, retryable: true, message: 'The upload goes on at another offset. Ask for it with HEAD.' },
  UPLOAD_INCOMPLETE: { status: 409, retryable: true, message: 'Bytes of the upload are missing. Send the rest, then finalize again.' },
  CHECKSUM_MISMATCH: { status: 422, retryable: false, message: 'The bytes are not those whose SHA-256 was announced.' },
  MEDIA_TYPE_NOT_SUPPORTED: { status: 415, retryable: false, message: 'This kind of file cannot be used.' },
  MEDIA_TOO_LARGE: { status: 422, retryable: false, message: 'The file has too many pixels, frames, streams or seconds.' },
  MEDIA_CORRUPT: { status: 422, retryable: false, message: 'The file cannot be decoded.' },
  MEDIA_TIMEOUT: { status: 422, retryable: true, message: 'The file took too long to decode.' },
  MEDIA_BUSY: { status: 503, retryable: true, message: 'Too many files are being worked on. Try again in a moment.' },
  SIGNATURE_INVALID: { status: 403, retryable: false, message: 'The signature of this URL is not valid.' },
  URL_EXPIRED: { status: 403, retryable: false, message: 'This URL has expired. Query the asset again for a fresh one.' },
  RANGE_NOT_SATISFIABLE: { status: 416, retryable: false, message: 'The requested range lies outside the asset.' },
  INTERNAL: { status: 500, retryable: true, message: 'Something went wrong on our side. The log has the cause.' },
} as const satisfies Record<string, ErrorRow>;

interface ErrorRow {
  readonly status: number;
  readonly retryable: boolean;
  readonly message: string;
}

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** An error that the caller may see: its code is in {@link ERRORS}, its message names the field, what was wrong and what is allowed. */
export class CinegraphError extends Error {
  readonly code: ErrorCode;
  /** Path of the input field at fault, e.g. `["input", "prompt"]`. */
  readonly field: readonly string[] | undefined;
  /** When the same request may succeed, in ms from now, if that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message?: string, options: { field?: readonly string[]; cause?: unknown; retryAfterMs?: number } = {}) {
    super(message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CinegraphError';
    this.code = code;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}
