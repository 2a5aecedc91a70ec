import { GraphQLError } from 'graphql';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { asCinegraphError } from '../../db/pg-error.ts';
import { CinegraphError, ERRORS } from '../../errors.ts';

export type ErrorLog = Pick<Logger, 'error'>;

/**
 * What a caller may see of an error: a CinegraphError with its code, a database that is away or full as one, a fault of the document or its variables as it is, and of anything
 * else only an id that finds the line in the log.
 */
export function maskError(error: unknown, log: ErrorLog): GraphQLError {
  const root = rootCause(error);
  const cause = root instanceof GraphQLError ? root : asCinegraphError(root);
  const place = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
  if (cause instanceof CinegraphError) {
    if (cause.cause !== undefined) log.error({ err: cause, code: cause.code }, cause.message);
    const { code, field, retryable, retryAfterMs } = cause;
    return new GraphQLError(cause.message, { ...place, extensions: { code, retryable, ...(field === undefined ? {} : { field }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } });
  }
  if (error instanceof GraphQLError && cause instanceof GraphQLError) return error;
  const id = randomUUID();
  log.error({ err: cause, id, path: error instanceof GraphQLError ? error.path?.join('.') : undefined }, 'internal error');
  return new GraphQLError(`${ERRORS.INTERNAL.message} Look for ${id}.`, { ...place, extensions: { code: 'INTERNAL', retryable: true, id } });
}

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError != null) cause = cause.originalError;
  return cause;
}
