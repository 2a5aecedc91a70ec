import { Router } from 'express';
import type { BackendStatus } from './backend.ts';

/** `live`: the process answers. `ready`: jobs will run. */
export function healthRoutes(status: BackendStatus): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  router.get('/live', (_request, response) => {
    response.json({ status: 'live' });
  });
  router.get('/ready', async (_request, response) => {
    const { ready, reasons } = await status.readiness();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', reasons });
  });
  return router;
}
