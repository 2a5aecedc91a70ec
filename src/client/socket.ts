import { createClient, type Client, type FormattedExecutionResult } from 'graphql-ws/client';
import { AccessError, CinegraphClientError, graphqlError, UnreachableError, type GraphqlErrorShape } from './errors.ts';
import { readToken, type Token, type TypedDocument } from './http.ts';

export interface SocketOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: Token | undefined;
  /** For a Node without one of its own (before 22). */
  readonly webSocket: typeof WebSocket | undefined;
  /** How long the connection may be silent before it is tried, ms. */
  readonly pingEveryMs?: number;
  /** How long the answer to that may take, ms. */
  readonly pongWithinMs?: number;
}

export interface StreamOptions {
  /** Ends the stream without an error. */
  readonly signal?: AbortSignal | undefined;
  /** The server took the connection. */
  readonly onConnected?: (() => void) | undefined;
}

/** One WebSocket for all subscriptions of a client: opened by the first, closed some time after the last. Never connects again by itself. */
export interface Socket {
  /**
   * Results until the server completes, or until so many wait for a slow reader that the rest is given up: a caller who wants it asks again.
   * Throws CinegraphClientError.
   */
  stream<Result, Variables extends Record<string, unknown>>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options?: StreamOptions,
  ): AsyncGenerator<Result, void, void>;
  close(): void;
}

const PING_EVERY_MS = 12_000;
const PONG_WITHIN_MS = 10_000;
const OPEN_WITHIN_MS = 10_000;
const ACK_WITHIN_MS = 10_000;
const CLOSE_UNUSED_AFTER_MS = 5_000;
/** Results held for a reader that does not keep up. */
const MAX_PENDING = 256;

export function openSocket({ url, token, webSocket, pingEveryMs = PING_EVERY_MS, pongWithinMs = PONG_WITHIN_MS }: SocketOptions): Socket {
  const connected = new Set<() => void>();
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  let openTimer: ReturnType<typeof setTimeout> | undefined;
  const clearTimers = () => {
    clearTimeout(pongTimer);
    clearTimeout(openTimer);
  };
  const client: Client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    lazy: true,
    lazyCloseTimeout: CLOSE_UNUSED_AFTER_MS,
    // Each stream knows where to resume; graphql-ws would begin it anew.
    retryAttempts: 0,
    keepAlive: pingEveryMs,
    connectionAckWaitTimeout: ACK_WITHIN_MS,
    ...(webSocket === undefined ? {} : { webSocketImpl: webSocket }),
    connectionParams: async () => {
      const value = await readToken(token);
      return value === null ? undefined : { authorization: `Bearer ${value}` };
    },
    on: {
      // Some networks neither refuse a WebSocket nor let it through.
      connecting: () => void (openTimer = setTimeout(() => client.terminate(), OPEN_WITHIN_MS)),
      opened: () => clearTimeout(openTimer),
      connected: () => {
        for (const listener of connected) listener();
      },
      ping(received) {
        // A peer that vanished without a word sends no close: the pong that does not come is the only sign.
        if (!received) pongTimer = setTimeout(() => client.terminate(), pongWithinMs);
      },
      pong(received) {
        if (received) clearTimeout(pongTimer);
      },
      closed: clearTimers,
      error: clearTimers,
    },
  });

  async function* stream<Result, Variables extends Record<string, unknown>>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    { signal, onConnected }: StreamOptions = {},
  ): AsyncGenerator<Result, void, void> {
    const inbox = createInbox<FormattedExecutionResult<Result, unknown>>(() => stop());
    const stop = client.subscribe<Result>({ query: document.toString(), variables }, inbox.sink);
    const leave = () => inbox.discard();
    if (onConnected !== undefined) connected.add(onConnected);
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted === true) leave();
    try {
      for await (const { data, errors } of inbox.read()) {
        const [error] = errors ?? [];
        if (error !== undefined) throw graphqlError(error);
        if (data != null) yield data;
      }
    } catch (error) {
      throw asClientError(url, error, typeof token === 'function');
    } finally {
      if (onConnected !== undefined) connected.delete(onConnected);
      signal?.removeEventListener('abort', leave);
      stop();
    }
  }

  return {
    stream,
    close() {
      clearTimers();
      // Rejects when a connection was just being made and failed.
      Promise.resolve(client.dispose()).catch(() => undefined);
    },
  };
}

interface Inbox<T> {
  readonly sink: { next(value: T): void; error(error: unknown): void; complete(): void };
  /** The reader does not want the rest. */
  discard(): void;
  read(): AsyncGenerator<T, void, void>;
}

/** Between graphql-ws, which pushes, and the reader, who pulls. `onOverflow` must stop the pushing. */
function createInbox<T>(onOverflow: () => void): Inbox<T> {
  const pending: T[] = [];
  let open = true;
  let failure: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  const end = () => {
    open = false;
    wake();
  };
  return {
    discard() {
      pending.length = 0;
      end();
    },
    sink: {
      next(value) {
        if (!open) return;
        pending.push(value);
        wake();
        if (pending.length < MAX_PENDING) return;
        end();
        onOverflow();
      },
      error(error) {
        if (open) failure = { error };
        end();
      },
      complete: end,
    },
    async *read() {
      for (;;) {
        for (let value = pending.shift(); value !== undefined; value = pending.shift()) yield value;
        if (failure !== undefined) throw failure.error;
        if (!open) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** docs/PROTOCOL.md, "How a connection ends". */
const MEND_THE_CLIENT: ReadonlySet<number> = new Set([4004, 4005, 4400, 4406, 4409, 4429]);
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;

function asClientError(url: string, error: unknown, tokenIsFresh: boolean): CinegraphClientError {
  if (error instanceof CinegraphClientError) return error;
  // graphql-ws throws the errors of an operation that was refused as an array.
  if (Array.isArray(error)) return graphqlError((error[0] ?? { message: 'The operation was refused.' }) as GraphqlErrorShape);
  const { code, reason } = isClose(error) ? error : { code: 1006, reason: '' };
  const text = `${url} closed the connection: ${code}${reason === '' ? '' : ` ${reason}`}.`;
  // A token that has expired is worth another try only when there is a fresh one to be had.
  if (code === FORBIDDEN) return new AccessError('FORBIDDEN', text, { retryable: tokenIsFresh, cause: error });
  if (code === UNAUTHORIZED) return new AccessError('UNAUTHENTICATED', text, { cause: error });
  if (MEND_THE_CLIENT.has(code)) return new CinegraphClientError('BAD_ANSWER', text, { cause: error });
  return new UnreachableError(url, error, isClose(error) ? text : undefined);
}

function isClose(error: unknown): error is { readonly code: number; readonly reason: string } {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number' && 'reason' in error && typeof error.reason === 'string';
}
