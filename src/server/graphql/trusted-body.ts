import type { RequestHandler } from 'express';
import type { TrustedDocuments } from './trusted-documents.ts';

/** For GraphQL over HTTP: the request goes on with the text of its document. Server-sent events and sockets resolve theirs in the pipeline. */
export function trustedBody(trusted: TrustedDocuments): RequestHandler {
  return (request, _response, next) => {
    if (request.method !== 'GET') {
      const body: unknown = request.body;
      request.body = { ...(typeof body === 'object' ? body : {}), extensions: {}, query: trusted.resolve(body) };
      return next();
    }
    const url = new URL(request.url, 'http://localhost');
    const { searchParams } = url;
    const extensions = searchParams.get('extensions');
    searchParams.set('query', trusted.resolve({ query: searchParams.get('query'), documentId: searchParams.get('documentId'), extensions: parse(extensions) }));
    searchParams.delete('extensions');
    request.url = `${url.pathname}${url.search}`;
    next();
  };
}

function parse(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
