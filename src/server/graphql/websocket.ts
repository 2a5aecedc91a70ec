import { GraphQLError } from 'graphql';
import { useServer, type Extra } from 'graphql-ws/use/ws';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Context } from '../../resolvers/context.ts';
import { MAX_BODY_BYTES } from './limits.ts';
import type { Pipeline } from './pipeline.ts';

const MAX_SOCKETS = 1000;
const MAX_SUBSCRIPTIONS_PER_SOCKET = 100;
const KEEP_ALIVE_MS = 12_000;
const INIT_TIMEOUT_MS = 5000;

export interface WebSocketEndpoint {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001, and cuts off what has not answered after graceMs; clients then connect again. */
  close(graceMs: number): Promise<void>;
}

/** graphql-transport-ws. Origin and host were checked by the caller. */
export function createWebSocketEndpoint(pipeline: Pipeline, contextOf: (request: IncomingMessage) => Context): WebSocketEndpoint {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_BODY_BYTES, perMessageDeflate: false });
  const server = useServer<Record<string, never>, Partial<Extra>>(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      execute: pipeline.execute,
      subscribe: pipeline.subscribe,
      onSubscribe({ extra, subscriptions }, _id, payload) {
        if (Object.keys(subscriptions).length > MAX_SUBSCRIPTIONS_PER_SOCKET) {
          return [new GraphQLError(`A socket may hold ${MAX_SUBSCRIPTIONS_PER_SOCKET} operations at once.`, { extensions: { code: 'BAD_REQUEST' } })];
        }
        return pipeline.prepare(payload, contextOf(extra.request));
      },
      isProd: true,
    },
    sockets,
    KEEP_ALIVE_MS,
  );
  return {
    upgrade(request, socket, head) {
      if (sockets.clients.size >= MAX_SOCKETS) return refuseUpgrade(socket, 503, 'Too many sockets are open.');
      sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request));
    },
    async close(graceMs) {
      const cut = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, graceMs);
      // graphql-ws closes with 1001.
      await server.dispose();
      clearTimeout(cut);
    },
  };
}

const REASONS: Readonly<Record<number, string>> = { 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' };

/** Answers an upgrade that is not wanted with plain HTTP. */
export function refuseUpgrade(socket: Duplex, status: 403 | 404 | 503, message: string): void {
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message)}`,
    ...(status === 503 ? ['Retry-After: 1'] : []),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${message}`);
}
