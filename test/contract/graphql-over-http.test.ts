import { auditServer } from 'graphql-http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeServer, type FakeServer } from '../support/fake-server.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await startFakeServer();
});
afterAll(() => server.close(1000));

it('passes what the GraphQL over HTTP specification demands', async () => {
  // A GET of ours asks for a preflight header, as Apollo's CSRF prevention wants it.
  const results = await auditServer({
    url: `${server.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('apollo-require-preflight', '1');
      return fetch(url, { ...init, headers });
    },
  });
  expect(results.length).toBeGreaterThan(50);
  expect(results.flatMap((result) => (result.status === 'error' ? [`${result.name}: ${result.reason}`] : []))).toEqual([]);
});
