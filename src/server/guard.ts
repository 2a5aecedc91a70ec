import type { RequestHandler, Response } from 'express';
import { ERRORS, isErrorCode } from '../errors.ts';
import type { Perimeter } from './perimeter.ts';

/** Refuses what the perimeter refuses, and answers preflights of the origins that it lets in. */
export function guard(perimeter: Perimeter): RequestHandler {
  return (request, response, next) => {
    response.vary('Origin');
    const refusal = perimeter.refusal(request);
    if (refusal !== null) {
      sendGraphqlError(response, 403, 'FORBIDDEN', refusal);
      return;
    }
    const { origin } = request.headers;
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
    }
    if (request.method !== 'OPTIONS') return next();
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
    response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, accept, apollo-require-preflight, x-apollo-operation-name, last-event-id');
    response.setHeader('Access-Control-Max-Age', '600');
    response.status(204).end();
  };
}

/** Seconds, rounded up: who waits so long does not come too early. */
export function setRetryAfter(response: Response, retryAfterMs: unknown): void {
  if (typeof retryAfterMs === 'number') response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000));
}

/** An answer in the shape of GraphQL to a request that did not become an operation. */
export function sendGraphqlError(response: Response, status: number, code: string, message: string): void {
  response.status(status).json({ errors: [{ message, extensions: { code, ...(isErrorCode(code) ? { retryable: ERRORS[code].retryable } : {}) } }] });
}
