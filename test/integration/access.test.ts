import { createClient as createSseClient } from 'graphql-sse';
import { CloseCode, createClient as createWsClient } from 'graphql-ws/client';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { LOCAL_CALLER, type Scope } from '../../src/services/access/caller.ts';
import type { NewApiKey } from '../../src/services/access/new-key.ts';
import { type DataStack, openDataStack } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { startStackServer } from '../support/stack-server.ts';

/** Wide: a slow machine must not decide what is late. */
const TOLERANCE_SECONDS = 120;
let inference: InferenceClient;
let stack: DataStack;
let provider: IdentityProvider;
let server: RunningServer;

beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference });
  provider = await startIdentityProvider();
  const jwt = { jwksUrl: `${provider.url}/jwks.json`, issuer: provider.url, audience: 'cinegraph', clockToleranceSeconds: TOLERANCE_SECONDS, roleClaim: 'roles' };
  server = await startStackServer(stack, { auth: { required: true, jwt } });
});
afterAll(async () => {
  await server.close(1000);
  await provider.close();
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

const makeKey = (input: Partial<NewApiKey> = {}) => stack.services.keys.create(LOCAL_CALLER, { name: 'test', ownerId: 'ada', ...input });
const WHO = '{ viewer { ownerId role authentication scopes apiKey { prefix usable } } }';
const MAKE = 'mutation { textToImage(input: { prompt: "a fox" }) { job { id } userErrors { code } } }';
const CREATE = 'mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id ownerId role scopes } secret userErrors { code field } } }';
const REVOKE = 'mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { apiKey { usable revokedAt } userErrors { code field } } }';

interface IdentityProvider {
  readonly url: string;
  token(claims: Record<string, unknown>, options?: { readonly lifetime?: string; readonly audience?: string; readonly issuer?: string; readonly foreignKey?: boolean }): Promise<string>;
  close(): Promise<void>;
}

/** A key set over HTTP and tokens signed with it. */
async function startIdentityProvider(): Promise<IdentityProvider> {
  const own = await generateKeyPair('RS256');
  const foreign = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  const http: Server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    url,
    token: (claims, { lifetime = '1h', audience = 'cinegraph', issuer = url, foreignKey = false } = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime(lifetime).sign((foreignKey ? foreign : own).privateKey),
    async close() {
      http.close();
      http.closeAllConnections();
    },
  };
}

interface Close {
  readonly acknowledged: boolean;
  readonly code: number;
}

/** A raw socket: says hello with a credential and tells how it ended. `connected` resolves with true when the server said yes. */
interface Socket {
  readonly connected: Promise<boolean>;
  readonly closed: Promise<Close>;
  /** Whether the server still answers. */
  ping(): Promise<boolean>;
}

function openSocket(credential?: string): Socket {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  let acknowledged = false;
  const connected = Promise.withResolvers<boolean>();
  const closed = Promise.withResolvers<Close>();
  const pong = Promise.withResolvers<boolean>();
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: credential === undefined ? {} : { authorization: `Bearer ${credential}` } })));
  socket.on('message', (data) => {
    const { type } = JSON.parse((data as Buffer).toString('utf8')) as { readonly type: string };
    if (type === 'pong') pong.resolve(true);
    if (type !== 'connection_ack') return;
    acknowledged = true;
    connected.resolve(true);
  });
  socket.on('close', (code) => {
    connected.resolve(false);
    pong.resolve(false);
    closed.resolve({ acknowledged, code });
  });
  const ping = (): Promise<boolean> => {
    socket.send(JSON.stringify({ type: 'ping' }));
    return pong.promise;
  };
  return { connected: connected.promise, closed: closed.promise, ping };
}

/** A credential that ends soon, yet late enough to connect with it on a machine of any speed: the time doubles until it does. */
async function connectBeforeExpiry(make: (seconds: number) => Promise<string>): Promise<Close> {
  for (let seconds = 2; seconds <= 32; seconds *= 2) {
    const socket = openSocket(await make(seconds));
    if (await socket.connected) return socket.closed;
  }
  throw new Error('never connected');
}

describe('a server that requires a credential', () => {
  it('refuses who brings none, the same way on every transport', async () => {
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ __typename }' }) });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="cinegraph"']);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    const stream = await fetch(`${server.url}/graphql/stream`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ __typename }' }) });
    expect([stream.status, await stream.json()]).toMatchObject([401, { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }]);
    expect(await openSocket().closed).toEqual({ acknowledged: false, code: 4403 });
  });

  it.each([['made up', `cg_${'A'.repeat(43)}`], ['of another shape', 'secret'], ['that looks like a token', 'a.b.c']])('refuses a secret %s', async (_what, secret) => {
    expect(await graphql(server.url, WHO, {}, secret)).toMatchObject({ status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(await openSocket(secret).closed).toEqual({ acknowledged: false, code: 4403 });
  });

  it('reads no body before it knows who sends it', async () => {
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: ' '.repeat(1_000_000) });
    expect(response.status).toBe(401);
  });

  it('knows the holder of a key over HTTP, WebSocket and server-sent events', async () => {
    const { key, secret } = await makeKey();
    const viewer = { ownerId: 'ada', role: 'USER', authentication: 'API_KEY', scopes: ['READ', 'WRITE'], apiKey: { prefix: key.prefix, usable: true } };
    expect((await graphql(server.url, WHO, {}, secret)).data).toEqual({ viewer });
    const ws = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, connectionParams: { authorization: `Bearer ${secret}` }, retryAttempts: 0 });
    expect((await ws.iterate({ query: WHO }).next()).value).toMatchObject({ data: { viewer } });
    await ws.dispose();
    const sse = createSseClient({ url: `${server.url}/graphql/stream`, headers: { authorization: `Bearer ${secret}` }, retryAttempts: 0 });
    expect((await sse.iterate({ query: WHO }).next()).value).toMatchObject({ data: { viewer } });
    sse.dispose();
  });
});

describe('an API key', () => {
  it('is stored as a digest and remembers when it was used', async () => {
    const { key, secret } = await makeKey();
    const { rows } = await stack.database.pool.query('SELECT * FROM api_key WHERE id = $1', [key.id]);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(9));
    expect(rows[0]).toMatchObject({ last_used_at: null });
    await graphql(server.url, WHO, {}, secret);
    const [used] = await stack.services.keys.byIds(LOCAL_CALLER, [key.id]);
    expect(used?.lastUsedAt).toBeInstanceOf(Date);
  });

  it.each<[readonly Scope[], string | null, string | null]>([
    [['READ'], null, 'FORBIDDEN'],
    [['WRITE'], 'FORBIDDEN', null],
    [['READ', 'WRITE'], null, null],
  ])('with the scopes %j', async (scopes, query, mutation) => {
    const { secret } = await makeKey({ scopes });
    expect((await graphql(server.url, '{ jobs(first: 1) { nodes { id } } }', {}, secret)).errors?.[0]?.extensions['code'] ?? null).toBe(query);
    expect((await graphql(server.url, MAKE, {}, secret)).errors?.[0]?.extensions['code'] ?? null).toBe(mutation);
    expect((await graphql(server.url, CREATE, { input: { name: 'more' } }, secret)).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    expect((await graphql(server.url, '{ apiKeys(first: 1) { nodes { id } } }', {}, secret)).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('needs READ to subscribe, too', async () => {
    const { secret } = await makeKey({ scopes: ['WRITE'] });
    const job = await stack.services.generation.generate({ ownerId: 'ada' }, { task: 'TEXT_TO_IMAGE', prompt: 'a fox' });
    const ws = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, connectionParams: { authorization: `Bearer ${secret}` }, retryAttempts: 0 });
    const { value } = await ws.iterate({ query: `subscription { jobEvents(jobId: "${toGlobalId('Job', job.id)}") { seq } }` }).next();
    await ws.dispose();
    expect(value).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  it('hands out no more than it has', async () => {
    const { secret } = await makeKey({ scopes: ['READ', 'KEYS'] });
    const create = async (input: object) => (await graphql(server.url, CREATE, { input: { name: 'child', ...input } }, secret)).data.createApiKey;
    expect(await create({ scopes: ['READ'] })).toMatchObject({ apiKey: { ownerId: 'ada', role: 'USER', scopes: ['READ'] }, secret: expect.stringMatching(/^cg_/), userErrors: [] });
    const refusals = [{ scopes: ['WRITE'] }, { role: 'ADMIN' }, { ownerId: 'bob' }, { name: ' ' }, { expiresAt: '2020-01-01T00:00:00Z' }, { scopes: [] }];
    const answers = await Promise.all(refusals.map(create));
    expect(answers.map(({ apiKey, secret: told, userErrors: [error] }) => [apiKey, told, error.code, error.field.at(-1)])).toEqual([
      [null, null, 'FORBIDDEN', 'scopes'],
      [null, null, 'FORBIDDEN', 'role'],
      [null, null, 'FORBIDDEN', 'ownerId'],
      [null, null, 'INVALID_INPUT', 'name'],
      [null, null, 'INVALID_INPUT', 'expiresAt'],
      [null, null, 'INVALID_INPUT', 'scopes'],
    ]);
  });

  it('shows users their own keys and admins everybody\'s', async () => {
    const keys = { ada: await makeKey({ scopes: ['READ', 'KEYS'], ownerId: 'ada' }), bob: await makeKey({ ownerId: 'bob' }), root: await makeKey({ role: 'ADMIN', scopes: ['READ', 'KEYS'], ownerId: 'root' }) };
    const list = async (secret: string, filter: object = {}): Promise<{ id: string; ownerId: string }[]> =>
      (await graphql(server.url, 'query($filter: ApiKeyFilter) { apiKeys(first: 100, filter: $filter) { nodes { id ownerId } totalCount } }', { filter }, secret)).data.apiKeys.nodes;
    expect(new Set((await list(keys.ada.secret)).map(({ ownerId }) => ownerId))).toEqual(new Set(['ada']));
    expect(await list(keys.ada.secret, { ownerId: 'bob' })).toEqual([]);
    expect((await list(keys.root.secret, { ownerId: 'bob' })).map(({ id }) => id)).toContain(toGlobalId('ApiKey', keys.bob.key.id));
    const id = toGlobalId('ApiKey', keys.bob.key.id);
    expect((await graphql(server.url, REVOKE, { id }, keys.ada.secret)).data.revokeApiKey).toMatchObject({ apiKey: null, userErrors: [{ code: 'NOT_FOUND' }] });
    expect((await graphql(server.url, WHO, {}, keys.bob.secret)).status).toBe(200);
    expect((await graphql(server.url, REVOKE, { id }, keys.root.secret)).data.revokeApiKey).toMatchObject({ apiKey: { usable: false }, userErrors: [] });
    expect((await graphql(server.url, WHO, {}, keys.bob.secret)).status).toBe(401);
    expect((await list(keys.root.secret, { ownerId: 'bob', usable: true })).map((node) => node.id)).not.toContain(id);
  });

  it('closes its sockets with 4403 and ends its streams when it is revoked, and nobody else\'s', async () => {
    const [gone, stays] = [await makeKey(), await makeKey()];
    const job = await stack.services.generation.generate({ ownerId: 'ada' }, { task: 'TEXT_TO_IMAGE', prompt: 'a fox' });
    const body = JSON.stringify({ query: `subscription { jobEvents(jobId: "${toGlobalId('Job', job.id)}") { seq } }` });
    const stream = await fetch(`${server.url}/graphql/stream`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${gone.secret}` }, body });
    const [one, other] = [openSocket(gone.secret), openSocket(stays.secret)];
    expect([await one.connected, await other.connected]).toEqual([true, true]);
    await stack.services.keys.revoke(LOCAL_CALLER, gone.key.id);
    expect(await one.closed).toEqual({ acknowledged: true, code: 4403 });
    expect(await stream.text()).not.toContain('event: complete');
    expect(await other.ping()).toBe(true);
    await stack.services.keys.revoke(LOCAL_CALLER, stays.key.id);
    expect(await other.closed).toEqual({ acknowledged: true, code: 4403 });
  });

  it('closes its sockets with 4403 when it expires, and opens nothing after', async () => {
    let secret = '';
    const closed = await connectBeforeExpiry(async (seconds) => ({ secret } = await makeKey({ expiresAt: new Date(Date.now() + seconds * 1000) })).secret);
    expect(closed).toEqual({ acknowledged: true, code: 4403 });
    expect((await graphql(server.url, WHO, {}, secret)).status).toBe(401);
  });

  it('lets a graphql-ws client come back with a fresh credential by itself', async () => {
    const [first, second] = [await makeKey(), await makeKey()];
    const secrets = [first.secret, second.secret];
    const codes: unknown[] = [];
    const client = createWsClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      connectionParams: () => ({ authorization: `Bearer ${secrets.shift()}` }),
      on: { closed: (event) => codes.push((event as { code: number }).code) },
    });
    const job = await stack.services.generation.generate({ ownerId: 'ada' }, { task: 'TEXT_TO_IMAGE', prompt: 'a fox' });
    const events = client.iterate<{ jobEvents: { seq: number } }>({ query: `subscription { jobEvents(jobId: "${toGlobalId('Job', job.id)}") { seq } }` });
    expect((await events.next()).value?.data?.jobEvents.seq).toBe(1);
    await stack.services.keys.revoke(LOCAL_CALLER, first.key.id);
    expect((await events.next()).value?.data?.jobEvents.seq).toBe(1);
    await client.dispose();
    expect(codes[0]).toBe(CloseCode.Forbidden);
  });
});

describe('a token of the identity provider', () => {
  it('makes its subject the viewer, with a role and scopes', async () => {
    const who = async (claims: Record<string, unknown>) => (await graphql(server.url, WHO, {}, await provider.token(claims))).data.viewer;
    expect(await who({ sub: 'ada' })).toEqual({ ownerId: 'jwt:ada', role: 'USER', authentication: 'JWT', scopes: ['READ', 'WRITE', 'KEYS'], apiKey: null });
    expect(await who({ sub: 'root', roles: ['staff', 'admin'] })).toMatchObject({ role: 'ADMIN' });
    expect(await who({ sub: 'ada', scope: 'openid cinegraph:read' })).toMatchObject({ scopes: ['READ'] });
  });

  it.each<[string, () => Promise<string>]>([
    ['for another audience', () => provider.token({ sub: 'a' }, { audience: 'other' })],
    ['of another issuer', () => provider.token({ sub: 'a' }, { issuer: 'https://evil.example' })],
    ['signed with another key', () => provider.token({ sub: 'a' }, { foreignKey: true })],
    ['that has expired', () => provider.token({ sub: 'a' }, { lifetime: `-${TOLERANCE_SECONDS + 1}s` })],
    ['without a subject', () => provider.token({})],
    ['with an empty subject', () => provider.token({ sub: '' })],
    ['without a signature', async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await provider.token({ sub: 'a' })).split('.')[1]}.`],
  ])('%s is refused', async (_what, make) => {
    expect(await graphql(server.url, WHO, {}, await make())).toMatchObject({ status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('may be late by the clock tolerance', async () => {
    expect((await graphql(server.url, WHO, {}, await provider.token({ sub: 'a' }, { lifetime: '-1s' }))).status).toBe(200);
  });

  it('closes its socket with 4403 when it expires', async () => {
    const closed = await connectBeforeExpiry((seconds) => provider.token({ sub: 'ada' }, { lifetime: `${seconds - TOLERANCE_SECONDS}s` }));
    expect(closed).toEqual({ acknowledged: true, code: 4403 });
  });
});

describe('a server that requires none', () => {
  let open: RunningServer;
  beforeAll(async () => {
    open = await startStackServer(stack);
  });
  afterAll(() => open.close(1000));

  it('takes who brings no credential for the one local user, and still knows a key', async () => {
    expect((await graphql(open.url, WHO)).data.viewer).toMatchObject({ ownerId: 'local', role: 'ADMIN', authentication: 'NONE', scopes: ['READ', 'WRITE', 'KEYS'], apiKey: null });
    const { secret } = await makeKey();
    expect((await graphql(open.url, WHO, {}, secret)).data.viewer).toMatchObject({ ownerId: 'ada', authentication: 'API_KEY' });
    expect((await graphql(open.url, WHO, {}, 'mistyped')).status).toBe(401);
  });
});
