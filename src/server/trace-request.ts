import { SpanKind } from '@opentelemetry/api';
import type { RequestHandler } from 'express';
import { once } from 'node:events';
import { inSpan } from '../spans.ts';

/** Each GraphQL request is a span, below the caller's when it sent a `traceparent`. */
export const traceRequest: RequestHandler = (request, response, next) => {
  const attributes = { 'http.request.method': request.method, 'url.path': request.baseUrl };
  void inSpan(`${request.method} ${request.baseUrl}`, { kind: SpanKind.SERVER, attributes, parent: request.get('traceparent') }, async (span) => {
    const closed = once(response, 'close');
    next();
    await closed;
    span.setAttribute('http.response.status_code', response.statusCode);
  });
};
