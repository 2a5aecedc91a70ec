import { useServer, type Extra } from 'graphql-ws/use/ws';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Config } from '../../config.ts';
import { CinegraphError } from '../../errors.ts';
import type { Context } from '../../resolvers/context.ts';
import type { Caller } from '../../services/access/caller.ts';
import { authorizationOf, type Authenticator } from '../auth/authenticator.ts';
import type { Sessions } from '../auth/sessions.ts';
import { maskError, type ErrorLog } from './mask.ts';
import type { Pipeline } from './pipeline.ts';

const MAX_SOCKETS = 1000;
const INIT_TIMEOUT_MS = 5000;
/** Clients of graphql-ws connect again after both of these, and ask for their `connectionParams` anew; 4401 would stop them for good. */
const CLOSE = { FORBIDDEN: 4403, TRY_AGAIN_LATER: 1013 } as const;

export interface WebSocketEndpoint {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001, and cuts off what has not answered after graceMs; clients then connect again. */
  close(graceMs: number): Promise<void>;
}

export interface WebSocketParts {
  readonly pipeline: Pipeline;
  readonly authenticator: Authenticator;
  readonly sessions: Sessions;
  readonly contextOf: (request: IncomingMessage, caller: Caller) => Context;
  readonly log: ErrorLog;
  readonly keepAliveMs: number;
  readonly limits: Pick<Config['limits'], 'bodyBytes' | 'operationsPerSocket'>;
}

type SocketExtra = Partial<Extra> & { caller?: Caller; leave?: () => void };

/**
 * graphql-transport-ws. Origin and host were checked by the caller. A reader that does not keep up holds its operations back at one message
 * each; one that does not read at all does not answer the pings either, and is dropped.
 */
export function createWebSocketEndpoint({ pipeline, authenticator, sessions, contextOf, log, keepAliveMs, limits }: WebSocketParts): WebSocketEndpoint {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytes, perMessageDeflate: false });
  const server = useServer<Record<string, unknown>, SocketExtra>(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      execute: pipeline.execute,
      subscribe: pipeline.subscribe,
      async onConnect({ extra, connectionParams }) {
        const { socket } = extra;
        try {
          const caller = await authenticator.resolve(authorizationOf(connectionParams, extra.request));
          // Gone while we looked: nobody would tell the session that it has ended.
          if (socket.readyState !== WebSocket.OPEN) return false;
          extra.caller = caller;
          extra.leave = sessions.open(caller, () => socket.close(CLOSE.FORBIDDEN, 'The credential has ended'));
          return true;
        } catch (error) {
          refuseSocket(socket, error, log);
          return false;
        }
      },
      onClose: ({ extra }) => extra.leave?.(),
      onSubscribe({ extra, subscriptions }, _id, payload) {
        if (Object.keys(subscriptions).length > limits.operationsPerSocket) {
          return [maskError(new CinegraphError('TOO_MANY_CONNECTIONS', `A socket may hold ${limits.operationsPerSocket} operations at once. End one, or open another socket.`), log)];
        }
        // graphql-ws lets no operation through before onConnect has said yes.
        return pipeline.prepare(payload, contextOf(extra.request, extra.caller ?? refused()));
      },
      isProd: true,
    },
    sockets,
    keepAliveMs,
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

/** Close reasons have room for 123 bytes. */
function refuseSocket(socket: WebSocket, error: unknown, log: ErrorLog): void {
  const code = error instanceof CinegraphError && !error.retryable ? CLOSE.FORBIDDEN : CLOSE.TRY_AGAIN_LATER;
  socket.close(code, maskError(error, log).message.slice(0, 120));
}

function refused(): never {
  throw new CinegraphError('UNAUTHENTICATED');
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
