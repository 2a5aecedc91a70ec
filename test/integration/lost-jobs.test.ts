import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GenerationEvent } from '../../src/inference/core/generation.ts';
import { createInferenceClient, type ForkedInferenceClient } from '../../src/inference/index.ts';
import { LostJobSweeper } from '../../src/jobs/lost-job-sweeper.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import type { JobRecord } from '../../src/services/contract.ts';
import { held, intercept } from '../support/data-inference.ts';
import { ADA, type DataStack, collectEvents, nextEvent, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

const PROGRAM = fileURLToPath(new URL('../support/data-program-process.ts', import.meta.url));

describe('a job whose message the queue has lost', () => {
  let inference: ForkedInferenceClient;
  let stack: DataStack;
  let sweeper: LostJobSweeper;
  let metrics: Metrics;
  let before: (event: GenerationEvent, signal: AbortSignal) => void | Promise<void>;

  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
  });
  afterAll(() => inference.close());
  beforeEach(async () => {
    before = () => {};
    stack = await openDataStack({ inference: intercept(inference, (event, signal) => before(event, signal)) });
    metrics = new Metrics({ database: stack.database, cache: () => undefined });
    sweeper = open();
  });
  afterEach(async () => {
    await sweeper.stop();
    await stack[Symbol.asyncDispose]();
  });

  const open = (lostAfterMs = 0): LostJobSweeper => new LostJobSweeper({ database: stack.database, queue: stack.queue, lostAfterMs, onPutBack: (became) => metrics.lostJob(became), log: silent });
  const generate = (): Promise<JobRecord> => stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox', seed: 7 });
  const reload = async (id: string): Promise<JobRecord | null | undefined> => (await stack.services.jobs.byIds(ADA, [id]))[0];
  const removeMessage = async (id: string): Promise<void> => expect((await stack.database.pool.query('DELETE FROM pgboss.job WHERE id = $1', [id])).rowCount).toBe(1);
  const expectWhole = async (id: string): Promise<void> => {
    const events = await collectEvents(stack.services, id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ type: 'JobFinished', status: 'SUCCEEDED' });
    expect((await stack.services.assets.byJobIds(ADA, [id]))[0]).toMatchObject([{ candidate: 0 }]);
  };

  it('runs when it had waited', async () => {
    const { id } = await generate();
    await removeMessage(id);
    expect(await sweeper.sweep(), 'it may be about to move').toEqual({ queued: 0, ended: 0 });
    expect(await sweeper.sweep()).toEqual({ queued: 1, ended: 0 });
    expect(await sweeper.sweep()).toEqual({ queued: 0, ended: 0 });
    await stack.startRunner();
    await expectWhole(id);
    expect(await reload(id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    expect((await metrics.text()).text).toContain('cinegraph_lost_jobs_total{became="queued"} 1\n');
  });

  it('runs again when the worker that had it was killed', async () => {
    const child = spawn(process.execPath, [PROGRAM, '/nowhere', TINY_BUNDLE, stack.database.url], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(120_000) })) as [Buffer];
    const id = line.toString().trim();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await removeMessage(id);
    expect(await reload(id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
    // What the killed process had sent last may still be committed.
    await expect.poll(() => sweeper.sweep(), { timeout: 60_000 }).toEqual({ queued: 1, ended: 0 });
    expect(await reload(id)).toMatchObject({ status: 'QUEUED', attempt: 1 });
    await stack.startRunner();
    await expectWhole(id);
    expect(await reload(id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
  }, 180_000);

  it('runs again when its own worker lost it, and that one writes nothing more', async () => {
    const letGo = Promise.withResolvers<void>();
    before = (_, signal) => {
      before = () => {};
      return held(signal).finally(letGo.resolve);
    };
    await stack.startRunner();
    const { id } = await generate();
    await nextEvent(stack.services, id, ({ type }) => type === 'JobQueued');
    await expect.poll(async () => (await reload(id))?.status).toBe('RUNNING');
    await removeMessage(id);
    await letGo.promise;
    await expect.poll(() => sweeper.sweep(), { timeout: 60_000 }).toEqual({ queued: 1, ended: 0 });
    await expectWhole(id);
    expect(await reload(id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
  });

  it('is left alone while it has a message: waiting, or held by its worker', async () => {
    const reached = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    before = () => {
      reached.resolve();
      return release.promise;
    };
    await stack.startRunner();
    const running = await generate();
    await reached.promise;
    for (let round = 0; round < 3; round++) expect(await sweeper.sweep()).toEqual({ queued: 0, ended: 0 });
    release.resolve();
    await expectWhole(running.id);
    expect(await reload(running.id)).toMatchObject({ attempt: 1 });
  });

  it('is left alone while it moves, and until a lease has passed', async () => {
    const { id } = await generate();
    await removeMessage(id);
    await sweeper.sweep();
    await stack.database.pool.query('UPDATE job SET last_seq = last_seq + 1 WHERE id = $1', [id]);
    expect(await sweeper.sweep()).toEqual({ queued: 0, ended: 0 });
    const patient = open(60_000);
    await patient.sweep();
    expect(await patient.sweep()).toEqual({ queued: 0, ended: 0 });
    await patient.stop();
  });

  it('is put back once, whoever sweeps, also over a message that is done', async () => {
    const { id } = await generate();
    await stack.database.pool.query(`UPDATE pgboss.job SET state = 'failed' WHERE id = $1`, [id]);
    const other = open();
    await Promise.all([sweeper.sweep(), other.sweep()]);
    const both = await Promise.all([sweeper.sweep(), other.sweep()]);
    expect(both.reduce((sum, { queued }) => sum + queued, 0)).toBe(1);
    await other.stop();
    await stack.startRunner();
    await expectWhole(id);
    expect((await collectEvents(stack.services, id)).filter(({ type }) => type === 'JobQueued')).toHaveLength(2);
  });

  it.each([
    ['its attempts are spent', 'tries = 3', { status: 'FAILED', errorCode: 'INFERENCE_CRASHED', errorMessage: 'The job was lost 3 times. The last time: The worker w:1 vanished.' }],
    ['its deadline has passed', `deadline_at = now() - interval '1 second'`, { status: 'FAILED', errorCode: 'DEADLINE_EXCEEDED' }],
    ['its end was asked for', 'cancel_requested_at = now()', { status: 'CANCELED', errorCode: null }],
  ])('ends when %s', async (_, change, expected) => {
    const { id } = await generate();
    await removeMessage(id);
    await stack.database.pool.query(`UPDATE job SET status = 'RUNNING', worker = 'w:1', attempt = 3, ${change} WHERE id = $1`, [id]);
    await sweeper.sweep();
    expect(await sweeper.sweep()).toEqual({ queued: 0, ended: 1 });
    expect(await reload(id)).toMatchObject(expected);
    expect((await collectEvents(stack.services, id)).map(({ type }) => type)).toEqual(['JobQueued', 'JobFinished']);
  });
});
