import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { CinegraphError } from '../errors.ts';
import { createContext, type Context } from '../resolvers/context.ts';
import type { Caller } from '../services/access/caller.ts';
import { createAuthenticator, type Authenticator } from './auth/authenticator.ts';
import { createSessions } from './auth/sessions.ts';
import type { Backend, BackendStatus } from './backend.ts';
import { createHttpEndpoint } from './graphql/http.ts';
import { createAdmission } from './graphql/admission.ts';
import { createBudget } from './graphql/budget.ts';
import { limitRules } from './graphql/limits.ts';
import { maskError } from './graphql/mask.ts';
import { createPipeline } from './graphql/pipeline.ts';
import { loadSchema } from './graphql/schema.ts';
import { createSseEndpoint, type SseEndpoint } from './graphql/sse.ts';
import { createWebSocketEndpoint, refuseUpgrade, type WebSocketEndpoint } from './graphql/websocket.ts';
import { loadTrustedDocuments } from './graphql/trusted-documents.ts';
import { trustedBody } from './graphql/trusted-body.ts';
import { guard, sendGraphqlError, setRetryAfter } from './guard.ts';
import { healthRoutes } from './health.ts';
import { addressOf, listen } from './listen.ts';
import { mediaRoutes } from './media/routes.ts';
import { createUrlSigner, type SigningOptions } from './media/url-signer.ts';
import { pageRoutes } from './pages/pages.ts';
import { metricsRoute } from './metrics.ts';
import { requestId } from './request-id.ts';
import { traceRequest } from './trace-request.ts';
import { createPerimeter, type Perimeter } from './perimeter.ts';

export type ServerConfig = Pick<Config, 'host' | 'port' | 'publicUrl' | 'allowedOrigins' | 'urlTtlSeconds' | 'auth' | 'limits' | 'trustedDocuments' | 'keepAliveMs' | 'metricsToken' | 'objectStore'>;

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Takes no more requests, closes sockets with 1001, ends streams, waits for requests to end up to the deadline, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** Listens before the backend is there and answers 503 until then. Throws PORT_IN_USE. */
export async function startServer(config: ServerConfig, status: BackendStatus, log: Logger): Promise<RunningServer> {
  const perimeter = createPerimeter(config);
  const backend = (): Backend => {
    if (status.backend === undefined) throw new CinegraphError('DATABASE_UNAVAILABLE', 'Cinegraph is starting or stopping. Try again in a moment.');
    return status.backend;
  };
  const signing = (): SigningOptions => ({ key: backend().signingKey, ttlSeconds: config.urlTtlSeconds, now: Date.now });
  const keys = () => backend().services.keys;
  const budget = createBudget(config.limits);
  const authenticator = createAuthenticator(config.auth, keys);
  const sessions = createSessions(config.limits.connectionsPerViewer, keys);
  const contextOf = (request: IncomingMessage, caller: Caller): Context => createContext(backend().services, createUrlSigner(perimeter.baseUrl(request), signing()), caller, { limits: config.limits, points: () => budget.left(caller) });
  const callers: Callers = new WeakMap();
  const contextOfRequest = (request: Request): Context => {
    const caller = callers.get(request);
    if (caller === undefined) throw new CinegraphError('UNAUTHENTICATED');
    return contextOf(request, caller);
  };

  const schema = loadSchema();
  const rules = limitRules(config.limits);
  const trusted = config.trustedDocuments === undefined ? undefined : await loadTrustedDocuments(config.trustedDocuments);
  const admission = createAdmission(schema, budget);
  const parts = { schema, rules, maxTokens: config.limits.tokens, admission, trusted, log };
  const pipeline = createPipeline(parts);
  const http = await createHttpEndpoint(parts, contextOfRequest);
  const sse = createSseEndpoint(pipeline, sessions, contextOfRequest, config.keepAliveMs);
  const webSocket = createWebSocketEndpoint({ pipeline, authenticator, sessions, contextOf, log, keepAliveMs: config.keepAliveMs, limits: config.limits });

  const app = express().disable('x-powered-by').disable('etag');
  app.use(requestId);
  app.use('/health', healthRoutes(status));
  app.get('/metrics', metricsRoute(status, config.metricsToken));
  app.use('/media', mediaRoutes(() => ({ services: backend().services, signing: signing() })));
  useGraphql(app, { perimeter, status, authenticate: authenticate(authenticator, callers), sse, handler: http.handler, bodyBytes: config.limits.bodyBytes, trust: trusted === undefined ? undefined : trustedBody(trusted) });
  app.use(await pageRoutes([config.publicUrl, bucketUrl(config)].filter((url) => url !== undefined)));
  app.use((_request, response) => void response.status(404).json({ error: { code: 'NOT_FOUND', message: 'There is nothing at this path.' } }));
  app.use(answerError(log));

  const server = createServer(app);
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = perimeter.refusal(request);
    if (new URL(request.url ?? '', 'http://localhost').pathname !== '/graphql') return refuseUpgrade(socket, 404, 'WebSockets are at /graphql.');
    if (refusal !== null) return refuseUpgrade(socket, 403, refusal);
    if (status.backend === undefined) return refuseUpgrade(socket, 503, 'Cinegraph is starting or stopping.');
    webSocket.upgrade(request, socket, head);
  });
  const port = await listen(server, config);
  return {
    port,
    url: addressOf(config.host, port),
    close(graceMs) {
      sessions.close();
      return close(server, webSocket, sse, http, graceMs);
    },
  };
}

/** Who sent a request. Filled before its body is read. */
type Callers = WeakMap<IncomingMessage, Caller>;

function authenticate(authenticator: Authenticator, callers: Callers): RequestHandler {
  return async (request, response, next) => {
    try {
      callers.set(request, await authenticator.resolve(request.headers.authorization));
    } catch (error) {
      if (error instanceof CinegraphError && error.code === 'UNAUTHENTICATED') response.setHeader('WWW-Authenticate', 'Bearer realm="cinegraph"');
      throw error;
    }
    next();
  };
}

interface GraphqlParts {
  readonly perimeter: Perimeter;
  readonly status: BackendStatus;
  readonly authenticate: RequestHandler;
  readonly sse: SseEndpoint;
  readonly handler: RequestHandler;
  readonly bodyBytes: number;
  /** Puts the document of the manifest into the request; undefined: every document may run. */
  readonly trust: RequestHandler | undefined;
}

function useGraphql(app: Express, { perimeter, status, authenticate, sse, handler, bodyBytes, trust }: GraphqlParts): void {
  app.use('/graphql', traceRequest, guard(perimeter), (request, response, next) => {
    if (isPageVisit(request)) return response.redirect(302, '/graphiql');
    if (status.backend !== undefined) return next();
    response.setHeader('Retry-After', '1');
    sendGraphqlError(response, 503, 'DATABASE_UNAVAILABLE', 'Cinegraph is starting or stopping. Try again in a moment.');
  });
  app.use('/graphql', authenticate);
  app.use('/graphql', express.json({ limit: bodyBytes }));
  if (trust !== undefined) app.all('/graphql', trust);
  app.get('/graphql/stream', sse.handler);
  app.post('/graphql/stream', sse.handler);
  app.all('/graphql', handler);
}

/** Somebody typed the address into a browser. */
function isPageVisit(request: Request): boolean {
  return request.method === 'GET' && request.query['query'] === undefined && request.headers.accept?.includes('text/html') === true;
}

/** Errors before or outside GraphQL: bodies that cannot be read, byte routes, faults of ours. */
function answerError(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    if (response.headersSent) {
      log.error({ err: error, path: request.path }, 'a response broke off');
      response.destroy();
      return;
    }
    const isGraphql = request.path.startsWith('/graphql');
    if (isBodyError(error)) {
      sendGraphqlError(response, error.status, 'BAD_REQUEST', error.message);
      return;
    }
    const { message, extensions } = maskError(error, log);
    setRetryAfter(response, extensions['retryAfterMs']);
    response.status(error instanceof CinegraphError ? error.status : 500).removeHeader('Cache-Control');
    response.json(isGraphql ? { errors: [{ message, extensions }] } : { error: { ...extensions, message } });
  };
}

/** What express.json throws, and the router for a path that cannot be decoded. */
function isBodyError(error: unknown): error is { readonly status: number; readonly message: string } {
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500 && !(error instanceof CinegraphError);
}

/** Where signed URLs of assets lead on to. */
function bucketUrl({ objectStore }: ServerConfig): string | undefined {
  return objectStore?.presign === true ? (objectStore.publicEndpoint ?? objectStore.endpoint) : undefined;
}

async function close(server: Server, webSocket: WebSocketEndpoint, sse: SseEndpoint, http: { stop(): Promise<void> }, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  sse.close();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await webSocket.close(graceMs);
    server.closeIdleConnections();
    await closed;
    await http.stop();
  } finally {
    clearTimeout(cut);
  }
}
