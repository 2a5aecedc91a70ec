import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import type { GenerationEvent } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { GenerateInput, JobEventRecord, JobRecord } from '../../src/services/contract.ts';
import { createServices } from '../../src/services/services.ts';
import { held, intercept } from '../support/data-inference.ts';
import { ADA, type DataStack, collectEvents, nextEvent, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { UPLOAD_LIMITS } from '../support/upload-limits.ts';

const INPUT: GenerateInput = { task: 'TEXT_TO_VIDEO', prompt: 'a fox bounces on a red background', seed: 7 };

describe('job runner on the real engine', () => {
  let client: ReturnType<typeof createInferenceClient>;
  let stack: DataStack;
  /** What each test does between two events. */
  let before: (event: GenerationEvent, signal: AbortSignal) => void | Promise<void>;

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, restart: { backoffMs: 10, maxCrashes: 50 } });
    await client.ready();
  });
  afterAll(() => client.close());
  beforeEach(async () => {
    before = () => {};
    stack = await openDataStack({ inference: intercept(client, (event, signal) => before(event, signal)) });
  });
  afterEach(() => stack[Symbol.asyncDispose]());

  const generate = (change: Partial<GenerateInput> = {}): Promise<JobRecord> => stack.services.generation.generate(ADA, { ...INPUT, ...change });
  const reload = async ({ id }: JobRecord): Promise<JobRecord> => {
    const [job] = await stack.services.jobs.byIds(ADA, [id]);
    if (job === null || job === undefined) throw new Error('the job is gone');
    return job;
  };
  const assetsOf = async ({ id }: JobRecord): Promise<(number | null)[]> => ((await stack.services.assets.byJobIds(ADA, [id]))[0] ?? []).map(({ candidate }) => candidate);
  const expectGapless = (events: readonly JobEventRecord[]): void => expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const kill = (): void => {
    process.kill(client.pid ?? 0, 'SIGKILL');
  };

  it('turns a job into events, previews and one asset per candidate', async () => {
    await stack.startRunner();
    const job = await generate({ candidates: 2, title: 'fox', tags: ['t'] });
    const events = await collectEvents(stack.services, job.id);
    expectGapless(events);
    expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['JobQueued', 'JobStarted']);
    expect(events.slice(-3).map(({ type }) => type)).toEqual(['AssetReady', 'AssetReady', 'JobFinished']);
    for (const candidate of [0, 1]) {
      const final = events.flatMap(event => (event.type === 'FramesDecoded' && event.final && event.candidate === candidate ? event.frames : []));
      expect(final.map(({ index }) => index)).toEqual(Array.from({ length: 17 }, (_, index) => index));
    }
    const frames = events.find(event => event.type === 'FramesDecoded');
    const preview = await stack.services.jobs.previewFrame(ADA, job.id, frames?.seq ?? 0, 0);
    expect(await sharp(preview ?? Buffer.alloc(0)).metadata()).toMatchObject({ format: 'webp', width: 32, height: 32 });
    const [assets] = await stack.services.assets.byJobIds(ADA, [job.id]);
    expect(assets).toMatchObject([0, 1].map(candidate => ({ candidate, kind: 'VIDEO', contentType: 'video/mp4', frameCount: 17, fps: 8, durationMs: 2125, title: 'fox', tags: ['t'] })));
    for (const asset of assets ?? []) {
      const blob = await stack.services.assets.open(asset.id, asset.sha256);
      expect(blob?.byteSize).toBe(asset.byteSize);
      expect(await stack.services.assets.open(asset.id, asset.thumbnailSha256 ?? '')).not.toBeNull();
    }
    expect(await reload(job)).toMatchObject({ status: 'SUCCEEDED', attempt: 1, executionProvider: 'cpu', errorCode: null, lastSeq: events.length });
  });

  it('draws an image', async () => {
    await stack.startRunner();
    const job = await generate({ task: 'TEXT_TO_IMAGE' });
    await collectEvents(stack.services, job.id);
    expect((await stack.services.assets.byJobIds(ADA, [job.id]))[0]).toMatchObject([{ kind: 'IMAGE', contentType: 'image/png', frameCount: null }]);
  });

  it('gives the same frames for the same seed', async () => {
    await stack.startRunner();
    const jobs = [await generate({ sampling: { deterministic: true } }), await generate({ sampling: { deterministic: true } })];
    for (const job of jobs) await collectEvents(stack.services, job.id);
    const [one, two] = (await stack.services.assets.byJobIds(ADA, jobs.map(({ id }) => id))).map(([asset]) => asset);
    expect(one?.framesSha256).toBe(two?.framesSha256);
    expect(one?.sha256, 'and the same bytes, stored once').toBe(two?.sha256);
  });

  it('runs the job again when inference is killed in the middle of a clip, and makes exactly one asset', async () => {
    let kills = 0;
    before = event => {
      if (event.type === 'started' && ++kills === 1) kill();
    };
    await stack.startRunner();
    const job = await generate();
    const events = await collectEvents(stack.services, job.id);
    expectGapless(events);
    expect(await reload(job)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await assetsOf(job)).toEqual([0]);
    expect(events.filter(({ type }) => type === 'AssetReady')).toHaveLength(1);
  });

  it('gives a job up that kills inference each time', async () => {
    before = event => {
      if (event.type === 'started') kill();
    };
    await stack.startRunner();
    const job = await generate();
    const events = await collectEvents(stack.services, job.id);
    expect(events.at(-1)).toMatchObject({ type: 'JobFinished', status: 'FAILED' });
    expect(await reload(job)).toMatchObject({ status: 'FAILED', attempt: 3, errorCode: 'INFERENCE_CRASHED' });
    expect(await assetsOf(job)).toEqual([]);
    await client.ready();
  });

  /** Lets a run come to its first event and holds it there. */
  const holdFirst = (): { readonly reached: Promise<void>; readonly stopped: Promise<void> } => {
    const reached = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    before = (_, signal) => {
      reached.resolve();
      return held(signal).finally(() => stopped.resolve());
    };
    return { reached: reached.promise, stopped: stopped.promise };
  };

  it('cancels a running job', async () => {
    const { reached, stopped } = holdFirst();
    await stack.startRunner();
    const job = await generate();
    await reached;
    expect(await reload(job)).toMatchObject({ status: 'RUNNING' });
    expect(await stack.services.jobs.cancel(ADA, job.id)).toMatchObject({ status: 'CANCELED', finishedAt: expect.any(Date) });
    await stopped;
    expect((await collectEvents(stack.services, job.id)).at(-1)).toMatchObject({ type: 'JobFinished', status: 'CANCELED' });
    expect(await assetsOf(job)).toEqual([]);
  });

  /** Lets a run come to its second final piece of candidate 0 and holds it there. */
  const holdInTheMiddle = (): Promise<void> => {
    const reached = Promise.withResolvers<void>();
    let pieces = 0;
    before = (event, signal) => {
      if (event.type !== 'frames' || !event.final || event.candidate !== 0 || ++pieces < 3) return;
      reached.resolve();
      return held(signal);
    };
    return reached.promise;
  };

  it('keeps what a canceled job has decoded, marked as partial', async () => {
    const reached = holdInTheMiddle();
    await stack.startRunner();
    const job = await generate();
    await reached;
    expect(await stack.services.jobs.cancel(ADA, job.id)).toMatchObject({ status: 'CANCELED', errorCode: null });
    const events = await collectEvents(stack.services, job.id);
    expectGapless(events);
    expect(events.slice(-2)).toMatchObject([{ type: 'AssetReady', candidate: 0 }, { type: 'JobFinished', status: 'CANCELED' }]);
    const [assets] = await stack.services.assets.byJobIds(ADA, [job.id]);
    expect(assets).toMatchObject([{ candidate: 0, partial: true, kind: 'VIDEO', contentType: 'video/mp4', frameCount: 5 }]);
  });

  it('notices in the job itself a cancel of which it was not told', async () => {
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    before = event => {
      if (event.type !== 'started') return;
      reached.resolve();
      return go.promise;
    };
    await stack.startRunner();
    const job = await generate();
    await reached.promise;
    await stack.database.pool.query('UPDATE job SET cancel_requested_at = now() WHERE id = $1', [job.id]);
    go.resolve();
    expect((await collectEvents(stack.services, job.id)).at(-1)).toMatchObject({ type: 'JobFinished', status: 'CANCELED' });
  });

  it('cuts off a run that does not answer to a cancel', async () => {
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    before = () => {
      reached.resolve();
      return go.promise;
    };
    await stack.startRunner();
    const job = await generate();
    await reached.promise;
    const impatient = createServices({ database: stack.database, queue: stack.queue, inference: client, media: stack.media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs: 10, cancelGraceMs: 1 });
    expect(await impatient.jobs.cancel(ADA, job.id)).toMatchObject({ status: 'CANCELED' });
    go.resolve();
    expect((await collectEvents(stack.services, job.id)).map(({ type }) => type)).toEqual(['JobQueued', 'JobFinished']);
  });

  it('ends a canceled job whose process was lost', async () => {
    const job = await generate();
    await stack.database.pool.query(`UPDATE job SET status = 'RUNNING', attempt = 1, tries = 1, cancel_requested_at = now() WHERE id = $1`, [job.id]);
    await stack.startRunner();
    expect((await collectEvents(stack.services, job.id)).at(-1)).toMatchObject({ type: 'JobFinished', status: 'CANCELED' });
  });

  it('stops a job that another process canceled', async () => {
    const { reached, stopped } = holdFirst();
    await stack.startRunner();
    const job = await generate();
    await reached;
    const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: stack.database.url, log: silent });
    const elsewhere = createServices({ database, queue: stack.queue, inference: client, media: stack.media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs: 10 });
    await elsewhere.jobs.cancel(ADA, job.id);
    await stopped;
    expect(await reload(job)).toMatchObject({ status: 'CANCELED', attempt: 1 });
    await database.close();
  });

  it('ends a running job at its deadline, and a waiting one too', async () => {
    before = (_, signal) => held(signal);
    const waiting = await generate({ deadlineMs: 1 });
    await stack.startRunner();
    const running = await generate({ deadlineMs: 300 });
    for (const job of [waiting, running]) {
      expect((await collectEvents(stack.services, job.id)).at(-1)).toMatchObject({ type: 'JobFinished', status: 'FAILED' });
      expect(await reload(job)).toMatchObject({ errorCode: 'DEADLINE_EXCEEDED' });
    }
  });

  it('hands running jobs back when it stops; the next runner finishes them', async () => {
    before = (event, signal) => (event.type === 'tokens' || event.type === 'frames' ? held(signal) : undefined);
    const runner = await stack.startRunner();
    const job = await generate();
    await nextEvent(stack.services, job.id, ({ type }) => type === 'JobStarted');
    await runner.stop({ graceMs: 20_000 });
    expect(runner.running).toBe(0);
    expect(await reload(job)).toMatchObject({ status: 'QUEUED' });
    before = () => {};
    await stack.startRunner();
    const events = await collectEvents(stack.services, job.id);
    expectGapless(events);
    expect(await reload(job)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await assetsOf(job)).toEqual([0]);
  });

  it('goes on when Postgres drops every connection in the middle of a clip', async () => {
    let drops = 0;
    before = async event => {
      if (event.type !== 'frames' || drops++ > 0) return;
      await stack.database.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    };
    await stack.startRunner();
    const job = await generate();
    const events = await collectEvents(stack.services, job.id);
    expectGapless(events);
    expect(await reload(job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await assetsOf(job)).toEqual([0]);
  });

  it('says that the disk is full, stores nothing, and serves the next job', async () => {
    await stack.database.pool.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`);
    await stack.database.pool.query('CREATE TRIGGER disk_full BEFORE INSERT ON blob_chunk FOR EACH ROW EXECUTE FUNCTION disk_full()');
    await stack.startRunner();
    const job = await generate();
    await collectEvents(stack.services, job.id);
    expect(await reload(job)).toMatchObject({ status: 'FAILED', errorCode: 'STORAGE_FULL', attempt: 1 });
    expect(await assetsOf(job)).toEqual([]);
    await stack.database.pool.query('DROP TRIGGER disk_full ON blob_chunk');
    const next = await stack.services.jobs.retry(ADA, job.id);
    await collectEvents(stack.services, next.id);
    expect(await reload(next)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('runs many jobs, some at once, each to one asset', async () => {
    let running = 0;
    let most = 0;
    before = ({ type }) => {
      if (type === 'started') most = Math.max(most, ++running);
      if (type === 'finished') running--;
    };
    const jobs = await Promise.all([1, 2, 3, 4, 5, 6].map(seed => generate({ seed })));
    await stack.startRunner();
    await Promise.all(jobs.map(({ id }) => collectEvents(stack.services, id)));
    for (const job of jobs) expect(await assetsOf(job)).toEqual([0]);
    expect(most).toBeGreaterThan(1);
  });
});
