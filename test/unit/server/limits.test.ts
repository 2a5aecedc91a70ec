import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { toGlobalId } from '../../../src/resolvers/global-id.ts';
import { startFakeServer, TEST_SERVER_CONFIG, type FakeServer } from '../../support/fake-server.ts';
import { LOCAL } from '../../support/local-viewer.ts';

interface Refusal {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly Refusal[];
  readonly extensions?: { readonly cost?: { readonly requested: number; readonly maximum: number; readonly remaining: number | null; readonly resetsInMs: number | null } };
}

type Operation = { readonly query?: string; readonly variables?: Record<string, unknown>; readonly documentId?: string };

const post = (url: string, operation: Operation) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) });

/** One operation by each transport, and its first result. */
const TRANSPORTS = {
  http: async (server: FakeServer, operation: Operation): Promise<Answer> => (await post(`${server.url}/graphql`, operation)).json() as Promise<Answer>,
  async webSocket(server: FakeServer, operation: Operation): Promise<Answer> {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const answer = Promise.withResolvers<Answer>();
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init' })));
    socket.on('message', (data) => {
      const { type, payload } = JSON.parse((data as Buffer).toString('utf8')) as { type: string; payload: unknown };
      if (type === 'connection_ack') socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: '', ...operation } }));
      if (type === 'next') answer.resolve(payload as Answer);
      if (type === 'error') answer.resolve({ errors: payload as Refusal[] });
    });
    socket.on('close', (code, reason) => answer.reject(new Error(`closed with ${code} ${reason.toString()}`)));
    return answer.promise.finally(() => socket.terminate());
  },
  async sse(server: FakeServer, operation: Operation): Promise<Answer> {
    const response = await post(`${server.url}/graphql/stream`, operation);
    const text = await response.text();
    return JSON.parse(response.ok ? (/^event: next\ndata: (.*)$/m.exec(text)?.[1] ?? '') : text) as Answer;
  },
} as const;

/** What all three answer, which must be the same. */
async function everywhere(server: FakeServer, operation: Operation): Promise<Answer> {
  const [http, ...others] = await Promise.all(Object.values(TRANSPORTS).map(async (send) => {
    const { errors, ...rest } = await send(server, operation);
    return errors === undefined ? rest : { errors: errors.map(({ message, extensions }) => ({ message, extensions })) };
  }));
  for (const other of others) expect(other).toEqual(http);
  return http as Answer;
}

const deep = (depth: number): string => (depth === 0 ? 'id' : `parents(first: 1) { nodes { ${deep(depth - 1)} } }`);
/** Every fragment spreads the next one twice: 2^60 selections if somebody counts them one by one. */
const bomb = Array.from({ length: 60 }, (_, index) => `fragment f${index} on Query { ...f${index + 1} ...f${index + 1} }`).join(' ');
const TOO_MUCH: Readonly<Record<string, readonly [Operation, string]>> = {
  deep: [{ query: `{ assets(first: 1) { nodes { ${deep(6)} } } }` }, 'DOCUMENT_TOO_COMPLEX'],
  wide: [{ query: '{ assets(first: 100) { nodes { children(first: 100) { nodes { id } } } } }' }, 'DOCUMENT_TOO_COMPLEX'],
  'wide by its variables': [{ query: 'query($n: Int) { assets(first: $n) { nodes { children(first: $n) { nodes { id } } } } }', variables: { n: 100 } }, 'DOCUMENT_TOO_COMPLEX'],
  'wide from the end': [{ query: '{ assets(last: 100) { edges { node { children(last: 100) { edges { node { id } } } } } } }' }, 'DOCUMENT_TOO_COMPLEX'],
  aliased: [{ query: `{ ${Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ')} }` }, 'DOCUMENT_TOO_COMPLEX'],
  'overloaded with directives': [{ query: `{ __typename ${'@include(if: true) '.repeat(9)} }` }, 'DOCUMENT_TOO_COMPLEX'],
  long: [{ query: `{ ${'__typename '.repeat(2001)} }` }, 'GRAPHQL_PARSE_FAILED'],
  'a bomb of fragments': [{ query: `{ ...f0 } ${bomb} fragment f60 on Query { __typename }` }, 'BAD_USER_INPUT'],
};

describe('what all transports refuse, and refuse alike', () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await startFakeServer();
  });
  afterAll(() => server.close(1000));

  it.each(Object.entries(TOO_MUCH))('a document that is %s', async (_what, [operation, code]) => {
    const { errors } = await everywhere(server, operation);
    expect(errors?.map(({ extensions }) => extensions['code'])).toContain(code);
    const statuses = await Promise.all([post(`${server.url}/graphql`, operation), post(`${server.url}/graphql/stream`, operation)].map(async (response) => (await response).status));
    expect(statuses).toEqual([400, 400]);
  });

  it('and what they take, with the same cost', async () => {
    const query = '{ assets(first: 50) { nodes { id url ... on VideoAsset { thumbnailUrl } job { id seed } parents(first: 5) { nodes { id } } } pageInfo { endCursor } } }';
    const { data, extensions } = await everywhere(server, { query });
    expect(data).toMatchObject({ assets: { nodes: [] } });
    // The page, and fifty times: the asset, its job, the page of parents, five parents.
    expect(extensions?.cost).toEqual({ requested: 1 + 50 * (1 + 1 + 1 + 5), maximum: 5000, remaining: null, resetsInMs: null });
  });

  it('errors of ours are masked', async () => {
    for (const send of Object.values(TRANSPORTS)) {
      server.services.failWith(new Error('secret'));
      expect(JSON.stringify(await send(server, { query: '{ jobs(first: 1) { nodes { id } } }' }))).toMatch(/^(?!.*secret).*INTERNAL/);
    }
  });

  it('a subscription tells its cost with its first result only', async () => {
    const { id } = await server.services.generation.generate(LOCAL, { task: 'TEXT_TO_IMAGE', prompt: 'a' });
    server.services.emit(id, { type: 'JobFinished', status: 'SUCCEEDED' });
    const client = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 });
    const results = await Array.fromAsync(client.iterate({ query: `subscription { jobEvents(jobId: "${toGlobalId('Job', id)}") { seq } }` }));
    await client.dispose();
    expect(results.map(({ extensions }) => (extensions as Answer['extensions'])?.cost?.requested)).toEqual([1, undefined]);
  });

  it('the SSE endpoint speaks to a graphql-sse client', async () => {
    const client = createSseClient({ url: `${server.url}/graphql/stream` });
    const results = await Array.fromAsync(client.iterate({ query: '{ __typename }' }));
    client.dispose();
    expect(results).toMatchObject([{ data: { __typename: 'Query' } }]);
  });
});

describe('the points of a minute', () => {
  it('are shared by all transports; then all refuse, and say when to come back', async () => {
    const server = await startFakeServer({ limits: { ...TEST_SERVER_CONFIG.limits, pointsPerMinute: 12 } });
    try {
      const query = '{ jobs(first: 2) { nodes { id } } }';
      const left: unknown[] = [];
      for (const send of Object.values(TRANSPORTS)) left.push((await send(server, { query })).extensions?.cost?.remaining);
      expect(left).toEqual([9, 6, 3]);
      // A larger one than what is left, while a smaller one would still pass.
      const answers = await Promise.all(Object.values(TRANSPORTS).map((send) => send(server, { query: '{ jobs(first: 100) { nodes { id } } }' })));
      expect(answers.map(({ errors }) => errors?.[0]?.extensions)).toEqual(Array.from({ length: 3 }, () => ({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) })));
      for (const path of ['/graphql', '/graphql/stream']) {
        const response = await post(`${server.url}${path}`, { query: '{ jobs(first: 100) { nodes { id } } }' });
        expect([response.status, Number(response.headers.get('retry-after')) > 0]).toEqual([429, true]);
      }
    } finally {
      await server.close(1000);
    }
  });
});

describe('limits of sockets and bodies', () => {
  it('hold for a message as for a request', async () => {
    const server = await startFakeServer({ limits: { ...TEST_SERVER_CONFIG.limits, bodyBytes: 1024 } });
    try {
      const query = `{ __typename } # ${'x'.repeat(1024)}`;
      expect((await post(`${server.url}/graphql`, { query })).status).toBe(413);
      expect((await post(`${server.url}/graphql/stream`, { query })).status).toBe(413);
      await expect(TRANSPORTS.webSocket(server, { query })).rejects.toThrow('closed with 1009');
    } finally {
      await server.close(1000);
    }
  });

  it('a socket holds no more operations than allowed, an owner no more streams', async () => {
    const server = await startFakeServer({ limits: { ...TEST_SERVER_CONFIG.limits, operationsPerSocket: 2, connectionsPerViewer: 1 } });
    try {
      const { id } = await server.services.generation.generate(LOCAL, { task: 'TEXT_TO_IMAGE', prompt: 'a' });
      const query = `subscription { jobEvents(jobId: "${toGlobalId('Job', id)}") { seq } }`;
      const client = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 });
      for (let count = 0; count < 2; count += 1) await client.iterate({ query }).next();
      await expect(client.iterate({ query }).next()).rejects.toMatchObject([{ extensions: { code: 'TOO_MANY_CONNECTIONS' } }]);
      const stream = await post(`${server.url}/graphql/stream`, { query });
      expect([stream.status, await stream.json()]).toMatchObject([429, { errors: [{ extensions: { code: 'TOO_MANY_CONNECTIONS', retryable: true } }] }]);
      await client.dispose();
    } finally {
      await server.close(1000);
    }
  });
});
