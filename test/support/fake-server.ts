import { pino } from 'pino';
import { logFields } from '../../src/log-context.ts';
import type { BackendStatus } from '../../src/server/backend.ts';
import { startServer, type RunningServer, type ServerConfig } from '../../src/server/server.ts';
import { createFakeServices, type FakeServices } from './fake-services.ts';

export interface FakeServer extends RunningServer {
  readonly services: FakeServices;
  /** Log lines so far, parsed. */
  readonly logged: readonly Record<string, unknown>[];
  readonly status: { backend: BackendStatus['backend']; reasons: string[] };
}

export const FAKE_KEY = Buffer.alloc(32, 7);

export const TEST_SERVER_CONFIG: ServerConfig = {
  host: '127.0.0.1',
  port: 0,
  publicUrl: undefined,
  allowedOrigins: [],
  urlTtlSeconds: 3600,
  auth: { required: false, jwt: undefined },
  keepAliveMs: 12_000,
  metricsToken: undefined,
  limits: { connectionsPerViewer: 1000, operationsPerSocket: 100, bodyBytes: 262_144, depth: 12, aliases: 15, directives: 8, tokens: 2000, cost: 5000, pointsPerMinute: undefined, activeJobs: undefined, tokensPerDay: undefined },
  trustedDocuments: undefined,
  objectStore: undefined,
};

/** The real server on a free port, on services in memory. The caller closes it. */
export async function startFakeServer(config: Partial<ServerConfig> = {}): Promise<FakeServer> {
  const services = createFakeServices();
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug', mixin: logFields }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const status: FakeServer['status'] & BackendStatus = {
    backend: { services, signingKey: FAKE_KEY },
    reasons: [],
    readiness: async () => ({ ready: status.reasons.length === 0, reasons: status.reasons }),
  };
  const server = await startServer(
    { ...TEST_SERVER_CONFIG, ...config },
    status,
    log,
  );
  return { ...server, services, logged, status };
}

export interface GraphqlAnswer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests name the fields that they asked for
  readonly data: any;
  readonly errors: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[] | undefined;
}

/** One operation over HTTP. */
export async function graphql(url: string, query: string, variables: Record<string, unknown> = {}, secret?: string): Promise<GraphqlAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as GraphqlAnswer;
  return { status: response.status, data, errors };
}
