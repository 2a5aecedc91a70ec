/** The real server on the real services. */
import { pino } from 'pino';
import type { BackendStatus } from '../../src/server/backend.ts';
import { startServer, type RunningServer, type ServerConfig } from '../../src/server/server.ts';
import type { DataStack } from './data-stack.ts';
import { TEST_SERVER_CONFIG } from './fake-server.ts';

/** The caller closes it before the stack. */
export async function startStackServer({ services, database }: DataStack, config: Partial<ServerConfig> = {}, metrics?: BackendStatus['metrics']): Promise<RunningServer> {
  const status = { backend: { services, signingKey: await database.signingKey() }, readiness: () => Promise.resolve({ ready: true, reasons: [] }), metrics };
  return startServer({ ...TEST_SERVER_CONFIG, ...config }, status, pino({ level: 'silent' }));
}
