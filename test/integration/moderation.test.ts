import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { httpModerator } from '../../src/jobs/moderation/http-moderator.ts';
import type { ModerationOptions } from '../../src/jobs/moderation/moderation.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import { collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { startStackServer } from '../support/stack-server.ts';

const VIEWER = { ownerId: LOCAL_CALLER.ownerId };

interface Asked {
  readonly stage: string;
  readonly task: string;
  readonly input: { readonly prompt: string };
  readonly results: readonly { readonly kind: string; readonly contentType: string; readonly base64: string }[];
}

/** What the endpoint does with a question; null: it does not answer. */
type Behaviour = (asked: Asked) => { readonly status?: number; readonly body: string } | null;
const yes = { body: '{"allowed":true,"categories":["harmless"]}' };

describe('a moderator behind an endpoint', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let server: RunningServer;
  let endpoint: Server;
  let url: string;
  let behaviour: Behaviour;
  let asked: (Asked & { readonly authorization: string | undefined })[];
  beforeAll(async () => {
    endpoint = createServer((request, response) => {
      void text(request).then((body) => {
        const question = JSON.parse(body) as Asked;
        asked.push({ ...question, authorization: request.headers.authorization });
        const answer = behaviour(question);
        if (answer !== null) response.writeHead(answer.status ?? 200).end(answer.body);
      });
    });
    endpoint.listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/review`;
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
    server = await startStackServer(stack);
  });
  afterAll(async () => {
    await server?.close(1000);
    await stack?.[Symbol.asyncDispose]();
    await inference?.close();
    endpoint.closeAllConnections();
    endpoint.close();
  });
  beforeEach(() => {
    asked = [];
    behaviour = () => yes;
  });

  /** Runs one job under that moderation, and tells how it ended. */
  async function run(options: Partial<ModerationOptions> = {}) {
    const runner = await stack.startRunner({ moderator: httpModerator({ url, token: 'secret' }), deadlineMs: 60_000, fail: 'closed', ...options });
    const job = await stack.services.generation.generate(VIEWER, { task: 'TEXT_TO_IMAGE', prompt: 'a red square', seed: 1 });
    await collectEvents(stack.services, job.id, 0, VIEWER);
    await runner.stop({ graceMs: 1000 });
    const { data } = await graphql(server.url, '{ jobs(first: 1) { edges { node { status error { code message retryable } moderation { stage state reason categories at } outputs { id } attempt } } } }');
    return data.jobs.edges[0].node;
  }

  it('that allows is asked before and after, with the prompt and the result, and its verdict is on the job', async () => {
    expect(await run()).toMatchObject({ status: 'SUCCEEDED', error: null, moderation: { stage: 'AFTER', state: 'ALLOWED', reason: null, categories: ['harmless'], at: expect.stringMatching(/^\d{4}-/) }, outputs: [expect.anything()] });
    expect(asked).toMatchObject([
      { stage: 'BEFORE', task: 'TEXT_TO_IMAGE', input: { prompt: 'a red square' }, results: [], authorization: 'Bearer secret' },
      { stage: 'AFTER', results: [{ kind: 'IMAGE', contentType: 'image/png' }] },
    ]);
    expect(Buffer.from(asked[1]?.results[0]?.base64 ?? '', 'base64').subarray(1, 4).toString()).toBe('PNG');
  });

  it('that refuses the prompt: nothing is generated', async () => {
    behaviour = () => ({ body: JSON.stringify({ allowed: false, reason: 'No red squares.', categories: ['geometry', 'x'.repeat(99)] }) });
    expect(await run()).toMatchObject({
      status: 'FAILED', outputs: [], attempt: 1, error: { code: 'CONTENT_REFUSED', message: 'No red squares.', retryable: false },
      moderation: { stage: 'BEFORE', state: 'REFUSED', reason: 'No red squares.', categories: ['geometry', 'x'.repeat(50)] },
    });
    expect(asked).toHaveLength(1);
  });

  it('that refuses the result: nothing of it is kept', async () => {
    behaviour = ({ stage }) => (stage === 'BEFORE' ? yes : { body: '{"allowed":false}' });
    const before = await stack.database.pool.query('SELECT FROM blob');
    expect(await run()).toMatchObject({ status: 'FAILED', outputs: [], error: { code: 'CONTENT_REFUSED' }, moderation: { stage: 'AFTER', state: 'REFUSED', reason: null } });
    expect((await stack.database.pool.query('SELECT FROM blob')).rowCount).toBe(before.rowCount);
  });

  const broken: readonly (readonly [string, Behaviour, Partial<ModerationOptions>])[] = [
    ['does not answer in time', () => null, { deadlineMs: 200 }],
    ['answers with an error', () => ({ status: 500, body: '' }), {}],
    ['answers with something else', () => ({ body: '{"allowed":"yes"}' }), {}],
    ['answers without an end', () => ({ body: `{"allowed":true,"reason":"${'x'.repeat(100_000)}"}` }), {}],
  ];
  it.each(broken)('that %s: closed, the job is tried again and fails; open, it goes on', async (_name, does, options) => {
    behaviour = does;
    expect(await run(options)).toMatchObject({ status: 'FAILED', outputs: [], attempt: 3, error: { code: 'MODERATION_UNAVAILABLE', retryable: true }, moderation: { stage: 'BEFORE', state: 'NOT_REVIEWED' } });
    expect(await run({ ...options, fail: 'open' })).toMatchObject({ status: 'SUCCEEDED', outputs: [expect.anything()], moderation: { stage: 'AFTER', state: 'NOT_REVIEWED' } });
  }, 180_000);

  it('can be a function of the program that embeds it', async () => {
    expect(await run({ moderator: ({ stage }) => Promise.resolve({ allowed: stage === 'BEFORE', reason: 'by function' }) })).toMatchObject({ status: 'FAILED', error: { code: 'CONTENT_REFUSED', message: 'by function' } });
    expect(asked).toHaveLength(0);
  });
});
