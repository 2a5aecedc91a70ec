import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { Quota } from '../../src/services/access/quota.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import { ADA, BOB, type DataStack, openDataStack } from '../support/data-stack.ts';
import { graphql, TEST_SERVER_CONFIG } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { startStackServer } from '../support/stack-server.ts';

/** No runner: what was taken stays, and the limits can be counted out. */
describe('what one owner may have', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
  });
  afterAll(() => inference.close());
  afterEach(() => stack[Symbol.asyncDispose]());

  const open = async (quota: Partial<Quota>): Promise<void> => {
    stack = await openDataStack({ inference, quota: { activeJobs: undefined, tokensPerDay: undefined, ...quota } });
  };
  const generate = (viewer = ADA, more = {}) => stack.services.generation.generate(viewer, { task: 'TEXT_TO_IMAGE', prompt: 'a fox', ...more });

  it('jobs: exactly as many as allowed, also when they come at once, and each owner has its own', async () => {
    await open({ activeJobs: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => generate()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TOO_MANY_JOBS', retryable: true, retryAfterMs: expect.any(Number) });
    expect(await generate(BOB)).toMatchObject({ status: 'QUEUED' });
    expect(await stack.services.quotas.usage(ADA)).toMatchObject({ activeJobs: 3 });
  });

  it('a job that has ended makes room; a repeated idempotency key needs none', async () => {
    await open({ activeJobs: 1 });
    const job = await generate(ADA, { idempotencyKey: 'k' });
    expect((await generate(ADA, { idempotencyKey: 'k' })).id).toBe(job.id);
    await expect(generate()).rejects.toMatchObject({ code: 'TOO_MANY_JOBS' });
    await stack.services.jobs.cancel(ADA, job.id);
    expect(await generate()).toMatchObject({ status: 'QUEUED' });
  });

  it('tokens: reserved when a job is taken, given back when it ends without them, and free again after a day', async () => {
    await open({});
    const first = await generate();
    const { tokens } = await stack.services.quotas.usage(ADA);
    expect(tokens).toBeGreaterThan(0);
    await stack[Symbol.asyncDispose]();
    await open({ tokensPerDay: Math.floor(tokens * 2.5) });
    const jobs = [await generate(), await generate()];
    const refused = await generate().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'TOKEN_BUDGET_SPENT', message: expect.stringContaining(`used ${tokens * 2}`) });
    expect(await generate(BOB)).toMatchObject({ task: first.task });
    // The oldest leaves the window in an hour, and then there is room.
    await stack.database.pool.query(`UPDATE job SET created_at = now() - interval '23 hours' WHERE id = $1`, [jobs[0]?.id]);
    const { retryAfterMs } = (await generate().catch((error: unknown) => error)) as { retryAfterMs: number };
    expect([retryAfterMs > 0, retryAfterMs <= 3_600_000]).toEqual([true, true]);
    await stack.services.jobs.cancel(ADA, jobs[1]?.id ?? '');
    expect(await generate()).toMatchObject({ status: 'QUEUED' });
    await expect(generate(ADA, { candidates: 4 })).rejects.toMatchObject({ code: 'TOKEN_BUDGET_SPENT' });
  });

  it('over the API: a user error with the time to wait, Retry-After, and the state in `viewer`', async () => {
    const limits = { ...TEST_SERVER_CONFIG.limits, activeJobs: 1, tokensPerDay: 1_000_000, pointsPerMinute: 10_000 };
    await open(limits);
    const server = await startStackServer(stack, { limits, auth: { required: true, jwt: undefined } });
    try {
      const { secret } = await stack.services.keys.create(LOCAL_CALLER, { name: 'a', ownerId: 'ada' });
      const { secret: another } = await stack.services.keys.create(LOCAL_CALLER, { name: 'b', ownerId: 'ada' });
      const query = 'mutation { textToImage(input: { prompt: "a fox" }) { job { id } userErrors { code field retryAfterMs } } }';
      expect((await graphql(server.url, query, {}, secret)).data.textToImage.userErrors).toEqual([]);
      const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${another}` }, body: JSON.stringify({ query }) });
      expect(await response.json()).toMatchObject({ data: { textToImage: { job: null, userErrors: [{ code: 'TOO_MANY_JOBS', field: null, retryAfterMs: 5000 }] } } });
      expect([response.status, response.headers.get('retry-after')]).toEqual([200, '5']);
      const { data } = await graphql(server.url, '{ viewer { limits { cost pointsPerMinute activeJobs tokensPerDay connections operationsPerSocket } usage { pointsRemaining pointsResetInMs activeJobs tokensToday } } }', {}, another);
      expect(data.viewer).toEqual({
        limits: { cost: 5000, pointsPerMinute: 10_000, activeJobs: 1, tokensPerDay: 1_000_000, connections: 1000, operationsPerSocket: 100 },
        usage: { pointsRemaining: expect.any(Number), pointsResetInMs: expect.any(Number), activeJobs: 1, tokensToday: expect.any(Number) },
      });
      expect(data.viewer.usage.pointsRemaining).toBeLessThan(10_000);
    } finally {
      await server.close(1000);
    }
  });
});
