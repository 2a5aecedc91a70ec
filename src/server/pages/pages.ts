import { Router } from 'express';
import { createHash } from 'node:crypto';
import { DEFAULT_QUERY } from './default-query.ts';
import { setPageHeaders } from './page-headers.ts';
import { studioRoutes } from './studio-routes.ts';
import { loadStudioSite } from './studio-site.ts';

/** The Studio and GraphiQL. */
export async function pageRoutes(mediaUrls: readonly string[]): Promise<Router> {
  const router = Router();
  router.use(studioRoutes(await loadStudioSite(), mediaUrls.map((url) => new URL(url).origin)));
  router.get('/favicon.ico', (_request, response) => response.redirect(301, '/favicon.svg'));
  let graphiql: Promise<Page> | undefined;
  router.get('/graphiql', async (_request, response) => {
    const { html, etag, policy } = await (graphiql ??= renderGraphiqlPage());
    setPageHeaders(response, policy);
    response.setHeader('ETag', etag);
    response.type('html').send(html);
  });
  return router;
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
