import { Router, type Response } from 'express';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DEFAULT_QUERY } from './default-query.ts';

/** No request leaves this server: no fonts, scripts or analytics of others. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/favicon.svg': ['favicon.svg', 'image/svg+xml'],
} as const;

/** The landing page and GraphiQL. */
export async function pageRoutes(): Promise<Router> {
  const router = Router();
  for (const [path, [file, type]] of Object.entries(FILES)) {
    const content = await readFile(resolve(import.meta.dirname, 'landing', file));
    router.get(path, (_request, response) => {
      sendPage(response, type, content, PAGE_POLICY);
    });
  }
  router.get('/favicon.ico', (_request, response) => response.redirect(301, '/favicon.svg'));
  let graphiql: Promise<Page> | undefined;
  router.get('/graphiql', async (_request, response) => {
    const { html, etag, policy } = await (graphiql ??= renderGraphiqlPage());
    response.setHeader('ETag', etag);
    sendPage(response, 'text/html; charset=utf-8', html, policy);
  });
  return router;
}

function sendPage(response: Response, type: string, content: string | Buffer, policy: string): void {
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cache-Control', 'no-cache');
  response.send(content);
}

interface Page {
  readonly html: string;
  readonly etag: string;
  readonly policy: string;
}

/** All of GraphiQL 5 in one page of 9 MB, with nothing to fetch; so it is loaded when it is first asked for. */
async function renderGraphiqlPage(): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const options: Parameters<typeof renderGraphiQL>[0] & { readonly endpoint: string } = {
    title: 'Cinegraph GraphiQL',
    endpoint: '/graphql',
    subscriptionsProtocol: 'WS',
    defaultQuery: DEFAULT_QUERY,
    favicon: '/favicon.svg',
    shouldPersistHeaders: false,
  };
  const html = renderGraphiQL(options);
  // The page is one inline script: only that very script may run.
  const hash = createHash('sha256').update(/<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? '').digest('base64');
  const policy = `default-src 'none'; script-src 'sha256-${hash}' 'unsafe-eval'; worker-src blob:; style-src 'unsafe-inline'; font-src data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`;
  return { html, policy, etag: `"${hash}"` };
}
