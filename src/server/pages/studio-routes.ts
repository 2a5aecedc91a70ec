import { Router, type Request, type Response } from 'express';
import { setPageHeaders } from './page-headers.ts';
import type { StudioFile, StudioSite } from './studio-site.ts';

/** The views of the Studio: all are the same page, which looks at its own address. */
const VIEWS = ['/', '/library', '/library/:id', '/film', '/film/:id', '/system'];

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Cinegraph</title><h1>The Studio is not built yet</h1>
<p>Run <code>npm run build:studio</code> in Cinegraph's folder, then start the server again. The API is there: <a href="/graphiql">GraphiQL</a>.</p></html>`;

/** @param mediaOrigins where signed URLs lead when that is another origin than the page's (PUBLIC_URL, a bucket) */
export function studioRoutes(site: StudioSite | null, mediaOrigins: readonly string[]): Router {
  const router = Router();
  const policy = pagePolicy(mediaOrigins);
  const index = site?.get('/index.html');
  router.get(VIEWS, (request, response) => {
    setPageHeaders(response, policy);
    if (index !== undefined) return sendFile(request, response, index);
    response.status(503).type('html').send(NOT_BUILT);
  });
  for (const [path, file] of site ?? []) {
    router.get(path, (request, response) => {
      setPageHeaders(response, policy);
      sendFile(request, response, file);
    });
  }
  return router;
}

/** No request leaves this server: no fonts, scripts or analytics of others. */
function pagePolicy(mediaOrigins: readonly string[]): string {
  const own = ["'self'", ...mediaOrigins].join(' ');
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src ${own} data: blob:; media-src ${own} blob:; connect-src ${own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

function sendFile(request: Request, response: Response, { type, content, gzipped, immutable }: StudioFile): void {
  response.setHeader('Content-Type', type);
  if (immutable) response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
  response.vary('Accept-Encoding');
  if (request.acceptsEncodings('gzip') !== 'gzip') {
    response.send(content);
    return;
  }
  response.setHeader('Content-Encoding', 'gzip');
  response.send(gzipped);
}
