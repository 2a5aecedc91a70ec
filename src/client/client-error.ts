interface ServerError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly retryable?: unknown } | undefined;
}

/** The server said no, or could not be reached. `code` is one of docs/ERRORS.md, or `UNREACHABLE`. */
export class CinegraphClientError extends Error {
  readonly code: string;
  readonly field: readonly string[] | null;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { field?: readonly string[] | null; retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CinegraphClientError';
    this.code = code;
    this.field = options.field ?? null;
    this.retryable = options.retryable ?? false;
  }

  static fromGraphql(error: ServerError): CinegraphClientError {
    const { code, retryable } = error.extensions ?? {};
    return new CinegraphClientError(typeof code === 'string' ? code : 'INTERNAL', error.message, { retryable: retryable === true });
  }

  static unreachable(url: string, cause: unknown): CinegraphClientError {
    return new CinegraphClientError('UNREACHABLE', `No Cinegraph answers at ${url}.`, { cause, retryable: true });
  }
}
