import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { openJobQueue } from '../../src/jobs/queue/job-queue.ts';
import { createServices } from '../../src/services/services.ts';
import type { GenerateInput, Services } from '../../src/services/contract.ts';
import { ADA, BOB, type DataStack, collectEvents, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { UPLOAD_LIMITS } from '../support/upload-limits.ts';

const INPUT: GenerateInput = { task: 'TEXT_TO_VIDEO', prompt: 'a fox bounces on a red background' };

/** No runner here: jobs stay QUEUED, so every state is ours to look at. */
describe('services', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let services: Services;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
    services = stack.services;
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  const addAsset = async (change: { prompt?: string; tags?: string[]; createdAt?: Date; ownerId?: string } = {}): Promise<string> => {
    const ownerId = change.ownerId ?? ADA.ownerId;
    const { sha256, byteSize } = await stack.database.blobs.put(Buffer.from(randomUUID()));
    const job = await services.generation.generate({ ownerId }, { ...INPUT, prompt: change.prompt ?? INPUT.prompt ?? null });
    const { id } = await stack.database.prisma.asset.create({
      data: { id: randomUUID(), ownerId, kind: 'IMAGE', origin: 'GENERATED', contentType: 'image/png', byteSize, sha256, tags: change.tags ?? [], jobId: job.id, candidate: 0, createdAt: change.createdAt ?? new Date() },
    });
    return id;
  };

  it('stores a job with its defaults, its queue message and its first event', async () => {
    const job = await services.generation.generate(ADA, { ...INPUT, camera: 'pan left', tags: ['a', 'a'] });
    expect(job).toMatchObject({ status: 'QUEUED', candidates: 1, lastSeq: 1, modelName: 'tiny-random', attempt: 0, input: { prompt: INPUT.prompt, camera: 'pan left', seed: job.seed, tags: ['a'] } });
    const { rows } = await stack.database.pool.query('SELECT state FROM pgboss.job WHERE id = $1', [job.id]);
    expect(rows).toEqual([{ state: 'created' }]);
  });

  it('draws a seed when none is given', async () => {
    const seeds = await Promise.all([1, 2, 3].map(async () => (await services.generation.generate(ADA, INPUT)).seed));
    expect(new Set(seeds).size).toBe(3);
  });

  it('stores nothing of a refused input', async () => {
    const before = await services.jobs.count(ADA, {});
    await expect(services.generation.generate(ADA, { ...INPUT, prompt: '' })).rejects.toMatchObject({ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] });
    expect(await services.jobs.count(ADA, {})).toBe(before);
  });

  it('gives the same job for the same key and input, also at once, and refuses another input', async () => {
    const idempotencyKey = randomUUID();
    const jobs = await Promise.all(Array.from({ length: 5 }, () => services.generation.generate(ADA, { ...INPUT, idempotencyKey })));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    await expect(services.generation.generate(ADA, { ...INPUT, seed: 1, idempotencyKey })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    await expect(services.generation.generate(ADA, { ...INPUT, idempotencyKey, tags: ['x'] })).rejects.toMatchObject({ field: ['input', 'idempotencyKey'] });
    expect((await services.generation.generate(ADA, { idempotencyKey, ...INPUT, seed: null, title: null })).id, 'null is as good as nothing').toBe(jobs[0]?.id);
    const other = await services.generation.generate(BOB, { ...INPUT, seed: 1, idempotencyKey });
    expect(other.id, 'keys are per owner').not.toBe(jobs[0]?.id);
  });

  it('shows nobody what belongs to another', async () => {
    const job = await services.generation.generate(ADA, INPUT);
    const asset = await addAsset();
    expect(await services.jobs.byIds(BOB, [job.id])).toEqual([null]);
    expect(await services.assets.byIds(BOB, [asset])).toEqual([null]);
    expect(await services.assets.byJobIds(BOB, [job.id])).toEqual([[]]);
    expect(await services.jobs.previewFrame(BOB, job.id, 1, 0)).toBeNull();
    const signal = AbortSignal.timeout(10_000);
    const attempts: (() => Promise<unknown>)[] = [
      () => services.jobs.cancel(BOB, job.id),
      () => services.jobs.retry(BOB, job.id),
      () => services.jobs.events(BOB, job.id, 0, signal),
      () => services.assets.update(BOB, { id: asset, title: 'mine' }),
      () => services.assets.delete(BOB, asset),
      () => services.assets.restore(BOB, asset),
      () => services.jobs.cancel(ADA, 'no uuid'),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it('cancels a waiting job once, and retries it with the same seed', async () => {
    const job = await services.generation.generate(ADA, INPUT);
    await expect(services.jobs.retry(ADA, job.id)).rejects.toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    expect(await services.jobs.cancel(ADA, job.id)).toMatchObject({ status: 'CANCELED', lastSeq: 2 });
    expect((await collectEvents(services, job.id)).map(({ seq, type }) => [seq, type])).toEqual([[1, 'JobQueued'], [2, 'JobFinished']]);
    await expect(services.jobs.cancel(ADA, job.id)).rejects.toMatchObject({ code: 'JOB_NOT_CANCELABLE' });
    expect(await services.jobs.retry(ADA, job.id)).toMatchObject({ status: 'QUEUED', seed: job.seed, retryOfId: job.id });
    expect(await collectEvents(services, job.id, 2), 'nothing follows the end').toEqual([]);
  });

  it('gives a repeated request its job also when that took the last place in the queue', async () => {
    await using small = await openDataStack({ inference, maxQueuedJobs: 1 });
    const idempotencyKey = randomUUID();
    const jobs = await Promise.all(Array.from({ length: 4 }, () => small.services.generation.generate(ADA, { ...INPUT, idempotencyKey })));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
  });

  it('refuses a job more than may wait', async () => {
    await using small = await openDataStack({ inference, maxQueuedJobs: 2 });
    for (let count = 0; count < 2; count++) await small.services.generation.generate(ADA, INPUT);
    await expect(small.services.generation.generate(ADA, INPUT)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    const [first, second] = (await small.services.jobs.list(ADA, { first: 2, after: null }, {})).edges.map(({ node }) => node).reverse();
    if (first === undefined || second === undefined) throw new Error('two jobs');
    expect(await small.services.jobs.queueOutlook(ADA, [second.id, first.id, randomUUID()])).toEqual([{ position: 2, etaMs: null }, { position: 1, etaMs: null }, null]);
    expect(await small.services.jobs.queueOutlook(BOB, [first.id])).toEqual([null]);
  });

  it('pages through equal times without a gap or a repeat, in both orders', async () => {
    const createdAt = new Date('2020-01-01T00:00:00.123Z');
    const ids = await Promise.all(Array.from({ length: 7 }, () => addAsset({ createdAt, tags: ['page'] })));
    for (const order of ['NEWEST', 'OLDEST'] as const) {
      const seen: string[] = [];
      for (let after: string | null = null; ; ) {
        const page = await services.assets.list(ADA, { first: 3, after }, { tags: ['page'] }, order);
        seen.push(...page.edges.map(({ node }) => node.id));
        if (!page.hasNextPage) break;
        after = page.edges.at(-1)?.cursor ?? null;
      }
      expect(seen).toEqual(order === 'OLDEST' ? ids.toSorted() : ids.toSorted().reverse());
    }
  });

  it('pages jobs both ways, and filters them by state, task and time', async () => {
    const CLEO = { ownerId: 'cleo' };
    const made: string[] = [];
    for (let count = 0; count < 5; count++) made.push((await services.generation.generate(CLEO, count % 2 === 0 ? INPUT : { ...INPUT, task: 'TEXT_TO_IMAGE' })).id);
    await stack.database.prisma.job.updateMany({ where: { ownerId: CLEO.ownerId }, data: { createdAt: new Date('2020-01-01T00:00:00Z') } });
    const all = (await services.jobs.list(CLEO, { first: 100 }, {})).edges.map(({ node }) => node.id);
    expect(all).toEqual(made.toSorted().reverse());
    const backwards: string[] = [];
    for (let before: string | null = null; ; ) {
      const page = await services.jobs.list(CLEO, { last: 2, before }, {});
      backwards.unshift(...page.edges.map(({ node }) => node.id));
      expect(page.hasNextPage).toBe(before !== null);
      if (!page.hasPreviousPage) break;
      before = page.edges[0]?.cursor ?? null;
    }
    expect(backwards).toEqual(all);
    const count = (filter: Parameters<Services['jobs']['list']>[2]): Promise<number> => services.jobs.count(CLEO, filter);
    await services.jobs.cancel(CLEO, made[0] ?? '');
    expect(await count({ task: ['TEXT_TO_IMAGE'] })).toBe(2);
    expect(await count({ status: ['CANCELED'] })).toBe(1);
    expect(await count({ status: ['QUEUED'], task: ['TEXT_TO_VIDEO'] })).toBe(2);
    expect(await count({ createdAfter: new Date('2020-01-01T00:00:00Z') })).toBe(0);
    expect(await count({ createdAfter: new Date('2019-12-31T00:00:00Z'), createdBefore: new Date('2020-01-02T00:00:00Z') })).toBe(5);
  });

  it('estimates what a job takes without storing one, from measured jobs once there are some', async () => {
    await using fresh = await openDataStack({ inference });
    const { generation, jobs } = fresh.services;
    const estimate = await generation.estimate(ADA, { ...INPUT, candidates: 2 });
    expect(estimate).toEqual({ tokens: expect.any(Number), seconds: null, queueSeconds: 0, queuePosition: 1, tokensPerSecond: null });
    expect(await jobs.count(ADA, {})).toBe(0);
    await expect(generation.estimate(ADA, { ...INPUT, prompt: '' })).rejects.toMatchObject({ code: 'PROMPT_EMPTY' });
    // Two jobs of 10 s beside each other: each had half of the speed.
    for (const _ of [1, 2]) {
      const { id } = await generation.generate(ADA, INPUT);
      await fresh.database.pool.query(`UPDATE job SET status = 'SUCCEEDED', attempt = 1, tokens_done = tokens_total, started_at = now() - interval '10 s', finished_at = now() WHERE id = $1`, [id]);
    }
    const perClip = estimate.tokens / 2;
    const measured = await generation.estimate(ADA, INPUT);
    expect(measured.seconds).toBeCloseTo(10, 0);
    expect(measured.tokensPerSecond).toBeCloseTo(perClip / 10, 0);
    const waiting = await generation.generate(ADA, INPUT);
    const [outlook] = await jobs.queueOutlook(ADA, [waiting.id]);
    expect(outlook?.position).toBe(1);
    expect((outlook?.etaMs ?? 0) / 1000).toBeCloseTo(5, 0);
    expect((await generation.estimate(ADA, INPUT)).queueSeconds).toBeCloseTo(5, 0);
  });

  it('finds assets by words of the prompt, tags, seed, kind, task and time', async () => {
    const fox = await addAsset({ prompt: 'A Fox, running fast', tags: ['red', 'night'] });
    const find = async (filter: Parameters<Services['assets']['list']>[2]): Promise<string[]> => (await services.assets.list(ADA, { first: 100, after: null }, filter, 'NEWEST')).edges.map(({ node }) => node.id);
    expect(await find({ prompt: 'running FOX' })).toEqual([fox]);
    expect(await find({ prompt: `fox'); DROP TABLE asset; --` })).toEqual([]);
    expect(await find({ tags: ['red', 'night'] })).toEqual([fox]);
    expect(await find({ tags: ['red', 'day'] })).toEqual([]);
    expect(await find({ kind: ['VIDEO'] })).toEqual([]);
    expect(await find({ task: 'TEXT_TO_IMAGE' })).toEqual([]);
    const [asset] = await services.assets.byIds(ADA, [fox]);
    const [job] = await services.jobs.byIds(ADA, [asset?.jobId ?? '']);
    expect(await find({ seed: job?.seed ?? -1, createdAfter: new Date(Date.now() - 60_000), createdBefore: new Date(Date.now() + 60_000) })).toEqual([fox]);
    expect(await services.assets.count(ADA, { tags: ['red'] })).toBe(1);
  });

  it('keeps the signing key', async () => {
    const key = await stack.database.signingKey();
    expect(key).toHaveLength(32);
    expect(await stack.database.signingKey()).toEqual(key);
  });

  it('reports the state of the system', async () => {
    expect(await services.system.status()).toMatchObject({ version: 'test', databaseReady: true, runningJobs: 0, models: [{ bundle: { name: 'tiny-random' } }] });
  });

  it('serves a second process of the same database', async () => {
    const queue = await openJobQueue({ database: stack.database, log: silent });
    const again = createServices({ database: stack.database, queue, inference, media: stack.media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs: 500 });
    const job = await again.generation.generate(ADA, INPUT);
    expect(await services.jobs.byIds(ADA, [job.id])).toMatchObject([{ id: job.id }]);
    await queue.close();
  });
});
