import { CinegraphError } from '../errors.ts';

/** SQLSTATE classes and codes (Postgres manual, appendix A) and system errors that mean: the server is not there right now. */
const AWAY = /^(08...|57P0[123]|53300|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|P1001|P1002|P1008|P1017|P2024)$/;
const AWAY_MESSAGE = /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Can't reach database server|Server has closed the connection/i;
const FULL = /^(53100|ENOSPC|EDQUOT)$/;

/** True when the same statement may succeed once Postgres is back. */
export function isDatabaseAway(error: unknown): boolean {
  return some(error, (code, message) => AWAY.test(code) || AWAY_MESSAGE.test(message));
}

/** True when the same work may succeed later: Postgres, or the store of the bytes, is not there right now. */
export function isStorageAway(error: unknown): boolean {
  return isDatabaseAway(error) || (error instanceof CinegraphError && error.code === 'STORAGE_UNAVAILABLE');
}

/** True when there is no space left on the database's disk. */
export function isStorageFull(error: unknown): boolean {
  return some(error, (code, message) => FULL.test(code) || message.includes('No space left on device'));
}

/** SQLSTATE 23505, with the name of the broken constraint when the driver tells. */
export function isUniqueViolation(error: unknown): boolean {
  return some(error, code => code === '23505' || code === 'P2002');
}

/** What the log should hold of a database error: the driver's own error drags its whole connection along. */
export function faultOf(error: unknown): { readonly code: string | undefined; readonly message: string } {
  const { code, message } = error as { code?: string; message?: string };
  return { code, message: message ?? String(error) };
}

/** A database fault as the caller may see it: STORAGE_FULL, DATABASE_UNAVAILABLE, or the error itself. */
export function asCinegraphError(error: unknown): unknown {
  if (error instanceof CinegraphError) return error;
  if (isStorageFull(error)) return new CinegraphError('STORAGE_FULL', undefined, { cause: error });
  if (isDatabaseAway(error)) return new CinegraphError('DATABASE_UNAVAILABLE', undefined, { cause: error });
  return error;
}

/** Looks at an error, at its causes and, for several at once (AggregateError, a Prisma adapter's wrapper), at each. */
function some(error: unknown, test: (code: string, message: string) => boolean, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, originalCode, message, cause, errors = [], meta } = error as DriverError;
  if (test(text(code), text(message)) || test(text(originalCode), '')) return true;
  return [...errors, cause, meta?.driverAdapterError].some(each => some(each, test, depth + 1));
}

/** The parts of a driver's error that tell; each may be missing or of another type. */
interface DriverError {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
  readonly meta?: { readonly driverAdapterError?: unknown };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
