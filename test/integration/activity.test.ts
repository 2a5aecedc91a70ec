import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { type Attempt, JobStore } from '../../src/jobs/job-store.ts';
import { followActivity } from '../../src/services/activity-feed.ts';
import type { ActivityPosition, JobEventRecord, Viewer } from '../../src/services/contract.ts';
import { type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

/** The writer is a JobStore, the reader another process' view of the same database. Each test has an owner of its own. */
describe('activity', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let reader: Database;
  let store: JobStore;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
    reader = await openDatabase({ dataDir: '/nowhere', databaseUrl: stack.database.url, log: silent });
    store = new JobStore(stack.database);
  });
  afterAll(async () => {
    await reader.close();
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  const newViewer = (): Viewer => ({ ownerId: randomUUID() });
  const queue = (viewer: Viewer): Promise<{ id: string }> => stack.services.generation.generate(viewer, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
  const claim = async (id: string): Promise<Attempt> => {
    const run = await store.claim(id);
    if (run === undefined) throw new Error('not claimed');
    return run;
  };
  const runThrough = async (id: string): Promise<void> => {
    const run = await claim(id);
    await store.append(run, { type: 'JobStarted', tokensTotal: 10, executionProvider: 'cpu' });
    await store.append(run, { type: 'TokensGenerated', tokensDone: 5, tokensTotal: 10, tokensPerSecond: 1, etaMs: null });
    await store.append(run, { type: 'FramesDecoded', candidate: 0, firstFrame: 0, frames: [], final: true });
    await store.fail(run, 'INTERNAL', 'the end');
  };
  const follow = (viewer: Viewer, after: ActivityPosition | null): Promise<AsyncIterableIterator<JobEventRecord>> => followActivity(reader, viewer.ownerId, after, AbortSignal.timeout(60_000));
  const take = async (events: AsyncIterableIterator<JobEventRecord>, count: number): Promise<JobEventRecord[]> => {
    const taken: JobEventRecord[] = [];
    while (taken.length < count) {
      const { value, done } = await events.next();
      if (done === true) throw new Error('the activity ended');
      taken.push(value);
    }
    return taken;
  };
  const outline = (events: readonly JobEventRecord[]): (readonly [string, number, string])[] => events.map(({ jobId, seq, type }) => [jobId, seq, type]);

  it('has the state events of all jobs of one owner, and nothing of tokens, frames or others', async () => {
    const [ada, bob] = [newViewer(), newViewer()];
    const events = await follow(ada, null);
    const one = await queue(ada);
    const other = await queue(bob);
    const two = await queue(ada);
    await runThrough(two.id);
    await runThrough(other.id);
    await runThrough(one.id);
    expect(outline(await take(events, 6))).toEqual([
      [one.id, 1, 'JobQueued'], [two.id, 1, 'JobQueued'],
      [two.id, 2, 'JobStarted'], [two.id, 5, 'JobFinished'],
      [one.id, 2, 'JobStarted'], [one.id, 5, 'JobFinished'],
    ]);
    await events.return?.();
  });

  it('goes on after any event of it, in batches too', async () => {
    const viewer = newViewer();
    const live = await follow(viewer, null);
    for (let job = 0; job < 25; job++) await runThrough((await queue(viewer)).id);
    const all = await take(live, 75);
    await live.return?.();
    for (const index of [0, 1, 40, 73]) {
      const resumed = await follow(viewer, all[index] ?? null);
      expect(outline(await take(resumed, 74 - index))).toEqual(outline(all.slice(index + 1)));
      await resumed.return?.();
    }
  });

  it('refuses a position that is not in it', async () => {
    const [ada, bob] = [newViewer(), newViewer()];
    const { id } = await queue(bob);
    await expect(follow(ada, { jobId: id, seq: 1 })).rejects.toMatchObject({ code: 'INVALID_CURSOR', field: ['after'] });
    await expect(follow(bob, { jobId: id, seq: 2 })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  });

  it('does not pass by what is committed later under an earlier transaction number', async () => {
    const viewer = newViewer();
    const [slow, quick] = [await queue(viewer), await queue(viewer)];
    const start = await follow(viewer, null);
    const client = new pg.Client({ connectionString: stack.database.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, 2, 'JobStarted', '{"type":"JobStarted"}')`, [slow.id]);
    await runThrough(quick.id);
    // The reader is told of the later transaction while the earlier one is still hidden.
    const statements = vi.spyOn(reader.pool, 'query');
    const found = (async () => {
      for await (const { jobId, seq } of start) if (jobId === slow.id && seq === 2) return true;
      return false;
    })();
    await expect.poll(() => statements.mock.calls.length, { timeout: 60_000 }).toBeGreaterThan(2);
    statements.mockRestore();
    await client.query('COMMIT');
    await client.end();
    expect(await found).toBe(true);
  });

  it('ends at return(), also while waiting', async () => {
    const events = await follow(newViewer(), null);
    const waiting = events.next();
    await events.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});
