import { createClient } from 'graphql-ws/client';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';

const TRUSTED = 'query Trusted($first: Int!) { jobs(first: $first) { nodes { id } } }';
const HASH = createHash('sha256').update(TRUSTED).digest('hex');
const FOREIGN = '{ __typename }';
const DATA = { jobs: { nodes: [] } };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cinegraph-manifest-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  ['of Relay or codegen', { [HASH]: TRUSTED }, HASH],
  ['with ids of its own', { 'jobs-page': TRUSTED }, 'jobs-page'],
  ['of Apollo', { format: 'apollo-persisted-query-manifest', version: 1, operations: [{ id: HASH, name: 'Trusted', type: 'query', body: TRUSTED }] }, HASH],
])('with a manifest %s', (_kind, manifest, id) => {
  let server: FakeServer;
  beforeAll(async () => {
    const file = join(folder, `${Math.random()}.json`);
    await writeFile(file, JSON.stringify(manifest));
    server = await startFakeServer({ trustedDocuments: file });
  });
  afterAll(() => server.close(1000));

  const post = (path: string, body: object) => fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ variables: { first: 1 }, ...body }) });
  async function overSocket(payload: object): Promise<unknown> {
    const client = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 });
    try {
      return (await client.iterate({ query: '', variables: { first: 1 }, ...payload }).next()).value;
    } catch (errors) {
      return { errors };
    } finally {
      await client.dispose();
    }
  }

  it.each([
    ['its text', { query: TRUSTED }],
    ['its id', { documentId: id }],
    ['its id, whatever text comes with it', { documentId: id, query: FOREIGN }],
    ['its hash, as a documentId', { documentId: `sha256:${HASH}` }],
    ['its hash, as Apollo sends it', { extensions: { persistedQuery: { version: 1, sha256Hash: HASH } } }],
  ])('a document of it runs over every transport, named by %s', async (_name, request) => {
    expect(await (await post('/graphql', request)).json()).toMatchObject({ data: DATA });
    expect(await (await post('/graphql/stream', request)).text()).toContain(`"data":${JSON.stringify(DATA)}`);
    expect(await overSocket('query' in request ? request : { query: '', ...request })).toMatchObject({ data: DATA });
    const search = new URLSearchParams({ variables: '{"first":1}', ...Object.fromEntries(Object.entries(request).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])) });
    expect((await (await fetch(`${server.url}/graphql?${search}`, { headers: { 'apollo-require-preflight': '1' } })).json())).toMatchObject({ data: DATA });
    expect(await (await fetch(`${server.url}/graphql/stream?${search}`)).text()).toContain(`"data":${JSON.stringify(DATA)}`);
  });

  it.each([
    ['another document', { query: FOREIGN }],
    ['the same one with a field more', { query: TRUSTED.replace('id', 'id input') }],
    ['an unknown id', { documentId: 'unknown' }],
    ['an unknown id with its text', { query: FOREIGN, extensions: { persistedQuery: { version: 1, sha256Hash: 'f'.repeat(64) } } }],
    ['nothing at all', {}],
  ])('%s is refused over every transport', async (_what, request) => {
    const refusal = { errors: [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }] };
    for (const path of ['/graphql', '/graphql/stream']) {
      const response = await post(path, request);
      expect([response.status, await response.json()]).toMatchObject([400, refusal]);
    }
    expect(await overSocket(request)).toMatchObject(refusal);
  });

  it('introspection is another document', async () => {
    expect((await post('/graphql', { query: '{ __schema { queryType { name } } }' })).status).toBe(400);
  });
});

it.each([['no JSON', '{'], ['something else', '[1]'], ['nothing', undefined]])('a manifest that is %s stops the start', async (_what, text) => {
  const file = join(folder, `${Math.random()}.json`);
  if (text !== undefined) await writeFile(file, text);
  await expect(startFakeServer({ trustedDocuments: file })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('TRUSTED_DOCUMENTS') });
});
