import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { type Attempt, Fenced, JobStore } from '../../src/jobs/job-store.ts';
import type { JobEventRecord } from '../../src/services/contract.ts';
import { JobEventHub } from '../../src/services/job-event-hub.ts';
import { ADA, type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

/** The writer is a JobStore here, the reader another process' view of the same database: only Postgres lies between them. */
describe('job events', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let reader: Database;
  let store: JobStore;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    // Nobody runs jobs here who could answer to a cancel.
    stack = await openDataStack({ inference, cancelGraceMs: 1 });
    reader = await openDatabase({ dataDir: '/nowhere', databaseUrl: stack.database.url, log: silent });
    store = new JobStore(stack.database);
  });
  afterAll(async () => {
    await reader.close();
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  const hubs = new Map<Database, JobEventHub>();
  const hubOf = (database: Database): JobEventHub => {
    const hub = hubs.get(database) ?? new JobEventHub(database);
    hubs.set(database, hub);
    return hub;
  };

  const start = async (): Promise<Attempt> => {
    const job = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    const run = await store.claim(job.id);
    if (run === undefined) throw new Error('not claimed');
    return run;
  };
  const tokens = (run: Attempt, tokensDone: number): Promise<void> => store.append(run, { type: 'TokensGenerated', tokensDone, tokensTotal: 100, tokensPerSecond: 1, etaMs: null });
  const seqs = (events: readonly JobEventRecord[]): number[] => events.map(({ seq }) => seq);
  const readsOf = ({ mock }: { readonly mock: { readonly calls: readonly (readonly unknown[])[] } }): number => mock.calls.filter(([query]) => (query as { readonly text?: string }).text?.includes('FROM job_event') === true).length;

  it('come without a gap and without a repeat, wherever a reader enters, leaves and resumes while they are written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 25 }), fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 6 }), fc.boolean(), async (count, stays, sameProcess) => {
        const run = await start();
        const database = sameProcess ? stack.database : reader;
        const writing = (async () => {
          for (let done = 1; done <= count; done++) await tokens(run, done);
          await store.fail(run, 'INTERNAL', 'the end');
        })();
        const seen: JobEventRecord[] = [];
        for (const stay of [...stays, Number.POSITIVE_INFINITY]) {
          if (seen.at(-1)?.type === 'JobFinished') break;
          let left = stay;
          for await (const event of hubOf(database).follow(run.jobId, seen.length, AbortSignal.timeout(30_000))) {
            seen.push(event);
            if (--left === 0) break;
          }
        }
        await writing;
        expect(seqs(seen)).toEqual(Array.from({ length: count + 2 }, (_, index) => index + 1));
        expect(seen.at(-1)).toMatchObject({ type: 'JobFinished', status: 'FAILED' });
      }),
      { numRuns: 25 },
    );
  });

  it('reach all of many readers, whenever they come, and are read once for all of them', async () => {
    const EVENTS = 40;
    const READERS = 60;
    const run = await start();
    const statements = vi.spyOn(reader.pool, 'query');
    const hub = hubOf(reader);
    const followers = Array.from({ length: READERS }, (_, index) => Array.fromAsync(hub.follow(run.jobId, index % 3, AbortSignal.timeout(60_000))));
    for (let done = 1; done <= EVENTS; done++) {
      await tokens(run, done);
      if (done === EVENTS / 2) followers.push(Array.fromAsync(hub.follow(run.jobId, 0, AbortSignal.timeout(60_000))));
    }
    await store.fail(run, 'INTERNAL', 'the end');
    const all = Array.from({ length: EVENTS + 2 }, (_, index) => index + 1);
    for (const [index, events] of (await Promise.all(followers)).entries()) expect(seqs(events)).toEqual(all.slice(index < READERS ? index % 3 : 0));
    const reads = readsOf(statements);
    statements.mockRestore();
    expect(reads).toBeLessThan((EVENTS * READERS) / 4);
  });

  it('are not read again by the process that stored them, and are the same as if they were', async () => {
    const run = await start();
    const statements = vi.spyOn(stack.database.pool, 'query');
    const following = hubOf(stack.database).follow(run.jobId, 0, AbortSignal.timeout(60_000));
    const first = (await following.next()).value as JobEventRecord;
    const rest = Array.fromAsync(following);
    const webp = Buffer.from('picture');
    for (let done = 1; done <= 10; done++) {
      await tokens(run, done / 3);
      await store.append(run, { type: 'FramesDecoded', candidate: 0, firstFrame: done, frames: [{ index: done, width: 8, height: 8 }], final: true }, {}, [{ index: done, width: 8, height: 8, webp }]);
    }
    await store.fail(run, 'INTERNAL', 'the end');
    const seen = [first, ...(await rest)];
    const reads = readsOf(statements);
    statements.mockRestore();
    expect(seen).toEqual(await Array.fromAsync(hubOf(reader).follow(run.jobId, 0, AbortSignal.timeout(60_000))));
    expect(reads, 'once to begin with, and for the end').toBeLessThan(6);
  });

  it('replay in batches, every one of them', async () => {
    const run = await start();
    for (let done = 1; done <= 150; done++) await tokens(run, done);
    await store.fail(run, 'INTERNAL', 'the end');
    const events = await Array.fromAsync(hubOf(reader).follow(run.jobId, 0, AbortSignal.timeout(30_000)));
    expect(seqs(events)).toEqual(Array.from({ length: 152 }, (_, index) => index + 1));
  });

  it('spare a reader that fell behind the tokens that were replaced, never a state', async () => {
    const run = await start();
    const events = hubOf(stack.database).follow(run.jobId, 1, AbortSignal.timeout(30_000));
    const first = events.next();
    await tokens(run, 1);
    expect((await first).value).toMatchObject({ seq: 2 });
    const second = events.next(); // It has caught up and waits.
    await tokens(run, 2);
    expect((await second).value).toMatchObject({ seq: 3 });
    for (let done = 3; done <= 150; done++) await tokens(run, done);
    await store.fail(run, 'INTERNAL', 'the end');
    const rest = await Array.fromAsync(events);
    expect(rest.length).toBeLessThan(150);
    expect(rest.at(-1)).toMatchObject({ type: 'JobFinished', seq: 152 });
  });

  it('end at return() and at abort, also while waiting, and leave no listener', async () => {
    const run = await start();
    const controller = new AbortController();
    const one = hubOf(stack.database).follow(run.jobId, 1, controller.signal);
    const two = hubOf(stack.database).follow(run.jobId, 1, AbortSignal.timeout(30_000));
    const waiting = [one.next(), two.next()];
    controller.abort();
    await two.return?.();
    expect(await Promise.all(waiting)).toEqual([{ done: true, value: undefined }, { done: true, value: undefined }]);
  });

  it('go on after Postgres dropped every connection', async () => {
    const run = await start();
    const events = hubOf(reader).follow(run.jobId, 0, AbortSignal.timeout(30_000));
    expect((await events.next()).value).toMatchObject({ seq: 1 });
    const waiting = events.next();
    await stack.database.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await tokens(run, 1);
    expect((await waiting).value).toMatchObject({ seq: 2 });
    await events.return?.();
  });

  it('end for whoever saw events that a crash of Postgres took back, whatever number the last one has', async () => {
    for (const after of [0, 1]) {
      const run = await start();
      for (let done = 1; done <= 4; done++) await tokens(run, done);
      const live = hubOf(reader).follow(run.jobId, 0, AbortSignal.timeout(30_000));
      for (let seq = 1; seq <= 5; seq++) expect((await live.next()).value).toMatchObject({ seq });
      const waiting = live.next();
      // A crash may lose the newest of them: their commits do not wait for the disk.
      await stack.database.pool.query('DELETE FROM job_event WHERE job_id = $1 AND seq > 2', [run.jobId]);
      await stack.database.pool.query('UPDATE job SET last_seq = 2 WHERE id = $1', [run.jobId]);
      await stack.database.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
      const current = await store.claim(run.jobId);
      if (current === undefined) throw new Error('not claimed');
      for (let done = 1; done <= after; done++) await tokens(current, done);
      await store.fail(current, 'INTERNAL', 'the end');
      const end = { type: 'JobFinished', seq: 3 + after };
      expect((await waiting).value).toMatchObject(end);
      expect((await live.next()).done).toBe(true);
      const resumed = await stack.services.jobs.events(ADA, run.jobId, 6, AbortSignal.timeout(30_000));
      expect(await Array.fromAsync(resumed)).toMatchObject([end]);
      expect(await Array.fromAsync(await stack.services.jobs.events(ADA, run.jobId, 3 + after, AbortSignal.timeout(30_000)))).toEqual([]);
    }
  });

  it('are refused from an attempt that was overtaken', async () => {
    const late = await start();
    const current = await store.claim(late.jobId);
    if (current === undefined) throw new Error('not claimed');
    expect(current.attempt).toBe(late.attempt + 1);
    await expect(tokens(late, 1)).rejects.toThrow(Fenced);
    await expect(store.succeed(late, [], 1)).rejects.toThrow(Fenced);
    await expect(store.fail(late, 'INTERNAL', '')).rejects.toThrow(Fenced);
    await tokens(current, 1);
    await stack.services.jobs.cancel(ADA, current.jobId);
    await expect(tokens(current, 2)).rejects.toThrow(Fenced);
    expect(seqs(await Array.fromAsync(hubOf(reader).follow(current.jobId, 0, AbortSignal.timeout(30_000))))).toEqual([1, 2, 3]);
  });
});
