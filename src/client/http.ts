import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { CinegraphClientError, graphqlError, TransferError, UnreachableError, type GraphqlErrorShape } from './errors.ts';

/** An operation as text, with the types of its result and its variables: what graphql-codegen writes with `documentMode: 'string'`. */
export type TypedDocument<Result, Variables> = DocumentTypeDecoration<Result, Variables> & { toString(): string };

/** Gives the API key or JWT to send; asked again for each request and each connection. */
export type Token = string | (() => string | null | Promise<string | null>);

export interface HttpOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly token: Token | undefined;
  readonly fetch: typeof fetch;
}

export async function readToken(token: Token | undefined): Promise<string | null> {
  return typeof token === 'function' ? await token() : (token ?? null);
}

/** One query or mutation over HTTP. Throws CinegraphClientError, or the signal's reason. */
export async function request<Result, Variables>(
  options: HttpOptions,
  document: TypedDocument<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const token = await readToken(options.token);
  const response = await send(
    options,
    `${options.url}/graphql`,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: document.toString(), variables }),
    },
    signal,
  );
  const { data, errors } = await answer<Result>(options.url, response);
  const [error] = errors ?? [];
  if (error !== undefined) throw graphqlError(error, response.status, retryAfterMs(response));
  if (data == null) throw new CinegraphClientError('BAD_ANSWER', 'The server sent neither data nor an error.');
  return data;
}

/** fetch with the client's time limit. Throws UnreachableError, or the signal's reason. */
export async function send(options: Pick<HttpOptions, 'url' | 'timeoutMs' | 'fetch'>, url: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  signal?.throwIfAborted();
  const late = AbortSignal.timeout(options.timeoutMs);
  try {
    return await options.fetch(url, { ...init, signal: signal === undefined ? late : AbortSignal.any([signal, late]) });
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted) throw new UnreachableError(options.url, error, `${options.url} did not answer within ${options.timeoutMs} ms.`);
    throw new UnreachableError(options.url, error);
  }
}

/** What `Retry-After` says in seconds or as a date; null when it is not there. */
export function retryAfterMs(response: Response): number | null {
  const text = response.headers.get('retry-after');
  if (text === null) return null;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

interface Answer<Result> {
  readonly data?: Result | null;
  readonly errors?: readonly GraphqlErrorShape[];
}

/** A proxy in between answers with pages of its own: those are no answers of the server. */
async function answer<Result>(url: string, response: Response): Promise<Answer<Result>> {
  let body: unknown;
  try {
    body = await response.json();
  } catch (error) {
    throw new UnreachableError(url, error, `What answers at ${url} is not Cinegraph: HTTP ${response.status}, no JSON.`);
  }
  if (typeof body === 'object' && body !== null && ('data' in body || 'errors' in body)) return body as Answer<Result>;
  throw new UnreachableError(url, undefined, `What answers at ${url} is not Cinegraph: HTTP ${response.status}, no GraphQL.`);
}

/** Byte routes answer `{ error: { code, message } }`. */
export async function transferError(response: Response, url: string): Promise<TransferError> {
  const body = (await response.json().catch(() => null)) as { readonly error?: { readonly code?: string; readonly message?: string } } | null;
  const retryable = response.status >= 500 || retryAfterMs(response) !== null;
  return new TransferError(body?.error?.code ?? 'TRANSFER_FAILED', body?.error?.message ?? `The server answered ${response.status} for ${url}.`, response.status, { retryable });
}
