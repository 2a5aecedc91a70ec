/**
 * The number of SQL statements of an operation must not grow with the size of its pages. Statements are counted where they are sent, and
 * only those that the operation caused: what the queue and the buses do beside it does not count.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { execute, parse, validate } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createContext } from '../../src/resolvers/context.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import { createUrlSigner } from '../../src/server/media/url-signer.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import { openDataStack, type DataStack } from '../support/data-stack.ts';
import { TEST_SERVER_CONFIG } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { fillLibrary } from '../support/library.ts';

const schema = loadSchema();
const counted = new AsyncLocalStorage<{ statements: string[] }>();
let inference: InferenceClient;
let stack: DataStack;
let library: Awaited<ReturnType<typeof fillLibrary>>;

beforeAll(async () => {
  // eslint-disable-next-line typescript/unbound-method -- called with its own this below
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function count(this: pg.Client, ...args: unknown[]) {
    const [statement] = args;
    counted.getStore()?.statements.push(typeof statement === 'string' ? statement : String((statement as { text?: unknown } | undefined)?.text));
    return query.apply(this, args);
  });
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference });
  library = await fillLibrary(stack.database, LOCAL_CALLER.ownerId, 24);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

const ASSET = '__typename id kind title tags contentType byteSize sha256 url origin partial createdAt ... on VideoAsset { width height durationMs thumbnailUrl thumbhash }';
const JOB = 'id task status seed input modelDigest sampling { temperature } progress { tokensDone etaMs queuePosition } error { code message } warnings { code message } lastSeq model { id name loaded limits { width } }';

/** The ten heaviest documents that applications send; `$n` is the size of every page in them. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'a library page': `query($n: Int!) { assets(first: $n) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { ${ASSET} job { ${JOB} } } } } }`,
  'a library page with lineage': `query($n: Int!) { assets(first: $n) { nodes { ${ASSET} parents(first: $n) { nodes { ${ASSET} } } children(first: $n) { nodes { ${ASSET} } } } } }`,
  'lineage, three deep': 'query($n: Int!) { assets(first: $n) { nodes { id parents(first: $n) { nodes { id parents(first: $n) { nodes { id parents(first: $n) { nodes { id url } } } } } } } } }',
  'a filtered page': `query($n: Int!) { assets(first: $n, filter: { kind: [VIDEO], task: TEXT_TO_VIDEO }) { totalCount nodes { ${ASSET} job { id outputs { id url } } } } }`,
  'a page backwards': `query($n: Int!) { assets(last: $n) { pageInfo { hasPreviousPage startCursor } nodes { ${ASSET} job { ${JOB} } } } }`,
  'a page of jobs': `query($n: Int!) { jobs(first: $n) { totalCount nodes { ${JOB} outputs { ${ASSET} } } } }`,
  'jobs with what they repeat': `query($n: Int!) { jobs(first: $n) { nodes { ${JOB} retryOf { ${JOB} retryOf { id outputs { id } } } } } }`,
  'jobs, their outputs and what was made of them': `query($n: Int!) { jobs(first: $n) { nodes { id outputs { id children(first: $n) { nodes { id job { ${JOB} } } } } } } }`,
  'many nodes at once': `query($ids: [ID!]!, $n: Int!) { nodes(ids: $ids) { __typename id ... on Job { ${JOB} outputs { ${ASSET} } } ... on Asset { parents(first: $n) { nodes { id } } job { id status } } } }`,
  'settings: keys, webhooks and their log': 'query($n: Int!) { viewer { ownerId } system { version queueDepth } apiKeys(first: $n) { totalCount nodes { id name } } webhooks(first: $n) { nodes { id url deliveries(first: $n) { nodes { id status job { id status } } } } } }',
};

async function statementsOf(query: string, n: number): Promise<string[]> {
  const urls = createUrlSigner('http://localhost', { key: Buffer.alloc(32), ttlSeconds: 60, now: Date.now });
  const ids = [...library.jobs.slice(0, n).map((id) => toGlobalId('Job', id)), ...library.assets.slice(0, n).map((id) => toGlobalId('Asset', id))];
  const contextValue = createContext(stack.services, urls, LOCAL_CALLER, { limits: TEST_SERVER_CONFIG.limits, points: async () => ({ remaining: null, resetsInMs: null }) });
  const variableValues = query.includes('$ids') ? { n, ids } : { n };
  const count = { statements: [] as string[] };
  const result = await counted.run(count, async () => execute({ schema, document: parse(query), contextValue, variableValues }));
  expect(result.errors).toBeUndefined();
  return count.statements;
}

it.each(Object.entries(DOCUMENTS))('%s', async (_name, query) => {
  expect(validate(schema, parse(query))).toEqual([]);
  const few = await statementsOf(query, 3);
  const many = await statementsOf(query, 15);
  expect(few.length).toBeGreaterThan(0);
  // Some answers are kept for a moment, so a statement may come once in one of the two and not in the other.
  const times = (list: readonly string[], statement: string): number => list.filter((each) => each === statement).length;
  expect(many.filter((statement) => times(many, statement) > Math.max(1, times(few, statement)))).toEqual([]);
});
