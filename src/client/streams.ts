import { UnreachableError } from './errors.ts';
import { eventStream } from './event-stream.ts';
import type { HttpOptions } from './http.ts';
import { openSocket, type Socket, type SocketOptions } from './socket.ts';

/** Networks that let no WebSocket through stay so for a while; then it is tried again. */
const BLOCKED_FOR_MS = 5 * 60_000;

/**
 * Subscriptions over the WebSocket; over server-sent events where no WebSocket has ever come through (a proxy that knows none, a program
 * without one) and events do. Browsers hold few requests to one host at a time over HTTP/1.1, so the socket comes first.
 */
export function openStreams(http: HttpOptions, { webSocket }: Pick<SocketOptions, 'webSocket'>): Socket {
  const there = webSocket !== undefined || typeof globalThis.WebSocket === 'function';
  const socket = there ? openSocket({ url: http.url, token: http.token, webSocket }) : null;
  let cameThrough = false;
  let blockedUntil = socket === null ? Number.POSITIVE_INFINITY : 0;
  return {
    async *stream(document, variables, options = {}) {
      if (socket !== null && Date.now() >= blockedUntil) {
        const onConnected = () => {
          cameThrough = true;
          options.onConnected?.();
        };
        try {
          return yield* socket.stream(document, variables, { ...options, onConnected });
        } catch (error) {
          if (cameThrough || !(error instanceof UnreachableError)) throw error;
        }
        if (options.signal?.aborted === true) return;
      }
      const onConnected = () => {
        if (socket !== null) blockedUntil = Date.now() + BLOCKED_FOR_MS;
        options.onConnected?.();
      };
      yield* eventStream(http, document, variables, { ...options, onConnected });
    },
    close: () => socket?.close(),
  };
}
