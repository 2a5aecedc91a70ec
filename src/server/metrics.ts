import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopback } from '../loopback.ts';
import type { BackendStatus } from './backend.ts';

/** Prometheus' text format. With a token for whoever has it, without one for this machine alone. */
export function metricsRoute(status: BackendStatus, token: string | undefined): RequestHandler {
  return async (request, response) => {
    const { authorization = '', 'x-forwarded-for': forwarded } = request.headers;
    // A proxy on this machine speaks for others.
    const local = forwarded === undefined && isLoopback((request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
    const allowed = token === undefined ? local : same(authorization, `Bearer ${token}`);
    if (!allowed) return void response.status(403).type('text/plain').send(token === undefined ? 'Set METRICS_TOKEN to read the metrics from another machine.\n' : 'Send the METRICS_TOKEN as Authorization: Bearer.\n');
    if (status.metrics === undefined) return void response.status(503).type('text/plain').send('Cinegraph is starting.\n');
    const { contentType, text } = await status.metrics();
    response.setHeader('Cache-Control', 'no-store').type(contentType).send(text);
  };
}

function same(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
