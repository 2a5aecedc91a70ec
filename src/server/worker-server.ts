import express from 'express';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { BackendStatus } from './backend.ts';
import { healthRoutes } from './health.ts';
import { addressOf, listen } from './listen.ts';
import { metricsRoute } from './metrics.ts';
import type { RunningServer, ServerConfig } from './server.ts';

/** A worker answers nobody but those who watch over it: health and metrics. Throws PORT_IN_USE. */
export async function startWorkerServer(config: Pick<ServerConfig, 'host' | 'port' | 'metricsToken'>, status: BackendStatus): Promise<RunningServer> {
  const app = express().disable('x-powered-by').disable('etag');
  app.use('/health', healthRoutes(status));
  app.get('/metrics', metricsRoute(status, config.metricsToken));
  app.use((_request, response) => void response.status(404).json({ error: { code: 'NOT_FOUND', message: 'This process is a worker: it has /health and /metrics. Clients speak to an api process.' } }));
  const server = createServer(app);
  const port = await listen(server, config);
  return {
    port,
    url: addressOf(config.host, port),
    async close(graceMs) {
      const closed = once(server, 'close');
      server.close();
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      server.closeIdleConnections();
      await closed;
      clearTimeout(cut);
    },
  };
}
