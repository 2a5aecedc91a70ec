import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CinegraphError } from '../../../src/errors.ts';
import { graphql, startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await startFakeServer();
});
afterAll(() => server.close(1000));

const MAKE = 'mutation($input: TextToVideoInput!) { textToVideo(input: $input) { job { id status model { name } outputs { id } } userErrors { code field message } } }';

describe('mutations', () => {
  it('answer with the job', async () => {
    const { data } = await graphql(server.url, MAKE, { input: { prompt: 'a red ball' } });
    expect(data.textToVideo).toMatchObject({ job: { status: 'QUEUED', model: { name: 'fake' }, outputs: [] }, userErrors: [] });
  });

  it('answer faults of the input with user errors', async () => {
    const { data } = await graphql(server.url, MAKE, { input: { prompt: ' ' } });
    expect(data.textToVideo).toMatchObject({ job: null, userErrors: [{ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] }] });
  });

  it('name the branch of generate that was at fault', async () => {
    const { data } = await graphql(server.url, 'mutation { generate(input: { textToImage: { prompt: "" } }) { userErrors { field } } }');
    expect(data.generate.userErrors).toEqual([{ field: ['input', 'textToImage', 'prompt'] }]);
  });

  it('take exactly one branch of generate', async () => {
    const { status, errors } = await graphql(server.url, 'mutation($input: GenerateInput!) { generate(input: $input) { userErrors { code } } }', {
      input: { textToImage: { prompt: 'a' }, textToVideo: { prompt: 'b' } },
    });
    expect(status).toBe(400);
    expect(errors?.[0]?.message).toMatch(/exactly one/i);
  });

  it('leave it to the caller when the server is at fault', async () => {
    server.services.failWith(new CinegraphError('DATABASE_UNAVAILABLE'));
    const { errors } = await graphql(server.url, MAKE, { input: { prompt: 'a' } });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
  });
});

describe('errors', () => {
  it('of ours are masked and logged under an id', async () => {
    server.services.failWith(new Error('password of the database'));
    const { errors } = await graphql(server.url, '{ jobs(first: 1) { nodes { id } } }');
    expect(JSON.stringify(errors)).not.toContain('password');
    const { id, code } = errors?.[0]?.extensions ?? {};
    expect(code).toBe('INTERNAL');
    expect(server.logged.find((line) => line['id'] === id)).toMatchObject({ err: { message: 'password of the database' } });
  });

  it('of the caller keep their code and field', async () => {
    const { errors } = await graphql(server.url, '{ node(id: "nonsense") { id } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_ID', field: ['id'] });
  });
});

describe('loading', () => {
  it('batches: one call per kind for many jobs', async () => {
    for (let count = 0; count < 5; count += 1) await graphql(server.url, MAKE, { input: { prompt: 'a' } });
    const before = server.services.calls['assets.byJobIds'] ?? 0;
    const { data } = await graphql(server.url, '{ jobs(first: 5) { nodes { outputs { id } } } }');
    expect(data.jobs.nodes).toHaveLength(5);
    expect(server.services.calls['assets.byJobIds']).toBe(before + 1);
  });

  it('finds nodes by id, null for what is not there', async () => {
    const made = await graphql(server.url, MAKE, { input: { prompt: 'a' } });
    const { id } = made.data.textToVideo.job;
    const missing = Buffer.from('Job:00000000-0000-4000-8000-000000000000').toString('base64url');
    const { data } = await graphql(server.url, 'query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids: [id, missing] });
    expect(data.nodes).toEqual([{ __typename: 'Job', id }, null]);
  });
});

async function post(headers: Record<string, string>, body: string): Promise<number> {
  const { status } = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body });
  return status;
}

function preflight(origin: string): Promise<Response> {
  return fetch(`${server.url}/graphql`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
}

describe('the endpoint', () => {
  it('refuses foreign pages, unknown hosts, batches, simple requests and large bodies', async () => {
    const query = JSON.stringify({ query: '{ __typename }' });
    const json = { 'content-type': 'application/json' };
    expect(await post(json, query)).toBe(200);
    expect(await post({ ...json, origin: 'https://evil.example' }, query)).toBe(403);
    expect(await post(json, `[${query}]`)).toBe(400);
    expect(await post({ 'content-type': 'text/plain' }, query)).toBe(400);
    expect(await post(json, JSON.stringify({ query: ' '.repeat(300_000) }))).toBe(413);
    expect(await post(json, '{')).toBe(400);
  });

  it('tells a subscription where it is answered', async () => {
    const { status, errors } = await graphql(server.url, 'subscription { activity { seq } }');
    expect([status, errors]).toMatchObject([400, [{ message: expect.stringContaining('/graphql/stream'), extensions: { code: 'BAD_REQUEST' } }]]);
  });

  it('answers preflights of local pages only', async () => {
    const allowed = await preflight('http://localhost:5173');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, 'http://localhost:5173']);
    expect((await preflight('https://evil.example')).status).toBe(403);
  });

  it('says 503 while there is no backend', async () => {
    const { backend } = server.status;
    server.status.backend = undefined;
    server.status.reasons = ['The database is starting.'];
    const { status, errors } = await graphql(server.url, '{ __typename }');
    expect([status, errors?.[0]?.extensions]).toEqual([503, { code: 'DATABASE_UNAVAILABLE', retryable: true }]);
    const ready = await fetch(`${server.url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'not ready', reasons: ['The database is starting.'] }]);
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
    server.status.backend = backend;
    server.status.reasons = [];
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
  });

  it('serves its pages without a single address of others', async () => {
    const page = await fetch(`${server.url}/`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).not.toMatch(/https?:\/\//);
    const graphiql = await fetch(`${server.url}/graphiql`);
    expect(graphiql.status).toBe(200);
    expect(graphiql.headers.get('content-security-policy')).toMatch(/script-src 'sha256-.+connect-src 'self'/);
  });
});
