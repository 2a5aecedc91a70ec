import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql, startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await startFakeServer();
});
afterAll(() => server.close(1000));

const aliases = Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ');
const deep = (depth: number): string => (depth === 0 ? 'id' : `parents(first: 1) { nodes { ${deep(depth - 1)} } }`);
const TOO_MUCH = {
  aliases: `{ ${aliases} }`,
  depth: `{ assets(first: 1) { nodes { ${deep(6)} } } }`,
  cost: '{ assets(first: 100) { nodes { children(first: 100) { nodes { id } } } } }',
  directives: `{ __typename ${'@include(if: true) '.repeat(9)} }`,
  tokens: `{ ${'__typename '.repeat(2001)} }`,
} as const;

/** The message with which each transport refuses; null when it answers. */
const TRANSPORTS = {
  async http(query: string) {
    const { errors } = await graphql(server.url, query);
    return errors?.[0]?.message ?? null;
  },
  async webSocket(query: string) {
    const client = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 });
    try {
      for await (const { errors } of client.iterate({ query })) return errors?.[0]?.message ?? null;
      return null;
    } catch (errors) {
      return (errors as { message: string }[])[0]?.message ?? 'no message';
    } finally {
      await client.dispose();
    }
  },
  async sse(query: string) {
    const response = await fetch(`${server.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    });
    if (response.status === 400) return ((await response.json()) as { errors: { message: string }[] }).errors[0]?.message ?? 'no message';
    return (await response.text()).includes('"errors"') ? 'errors in the stream' : null;
  },
} as const;

describe.each(Object.entries(TRANSPORTS))('over %s', (_name, send) => {
  it.each(Object.entries(TOO_MUCH))('too much in %s is refused', async (_what, query) => {
    expect(await send(query)).toMatch(/limit|exceeded|tokens/i);
  });

  it('a normal operation passes', async () => {
    expect(await send('{ assets(first: 50) { nodes { id url ... on VideoAsset { thumbnailUrl durationMs } job { id seed input } } pageInfo { endCursor hasNextPage } } }')).toBeNull();
  });

  it('errors of ours are masked', async () => {
    server.services.failWith(new Error('secret'));
    expect(await send('{ jobs(first: 1) { nodes { id } } }')).not.toBe('secret');
  });
});

it('the SSE endpoint speaks to a graphql-sse client', async () => {
  const client = createSseClient({ url: `${server.url}/graphql/stream` });
  const results = [];
  for await (const result of client.iterate({ query: '{ __typename }' })) results.push(result);
  client.dispose();
  expect(results).toEqual([{ data: { __typename: 'Query' } }]);
});
