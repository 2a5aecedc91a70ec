import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { sweep } from '../../src/jobs/retention.ts';
import { ADA, type DataStack, collectEvents, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

const HOUR = 3_600_000;
const RETENTION = { previewRetentionMs: 24 * HOUR, eventRetentionMs: 100 * HOUR, jobRetentionMs: 1000 * HOUR };
const WEBP = Buffer.from('a picture');

describe('retention', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  /** A job of which there are events of each kind and a picture; ended so long ago, or still running. */
  const makeJob = async (hoursAgo: number | undefined): Promise<string> => {
    const store = new JobStore(stack.database);
    const { id } = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    const run = await store.claim(id);
    if (run === undefined) throw new Error('not claimed');
    await store.append(run, { type: 'JobStarted', tokensTotal: 10, executionProvider: 'cpu' });
    await store.append(run, { type: 'TokensGenerated', tokensDone: 5, tokensTotal: 10, tokensPerSecond: 1, etaMs: null });
    await store.append(run, { type: 'FramesDecoded', candidate: 0, firstFrame: 0, frames: [{ index: 0, width: 1, height: 1 }], final: true }, {}, [{ index: 0, width: 1, height: 1, webp: WEBP }]);
    if (hoursAgo === undefined) return id;
    await store.fail(run, 'INTERNAL', 'the end');
    await stack.database.pool.query(`UPDATE job SET finished_at = now() - $2 * interval '1 hour' WHERE id = $1`, [id, hoursAgo]);
    return id;
  };
  const picture = (id: string): Promise<Buffer | null> => stack.services.jobs.previewFrame(ADA, id, 4, 0);
  const stored = async (id: string): Promise<string[]> => (await stack.database.pool.query<{ type: string }>('SELECT type FROM job_event WHERE job_id = $1 ORDER BY seq', [id])).rows.map(({ type }) => type);
  const ALL = ['JobQueued', 'JobStarted', 'TokensGenerated', 'FramesDecoded', 'JobFinished'];

  it('takes pictures first, progress later, and never a state event, a young job or one that runs', async () => {
    const [running, young, older, oldest] = [await makeJob(undefined), await makeJob(1), await makeJob(25), await makeJob(101)];
    expect(await sweep({ database: stack.database, ...RETENTION })).toBe(3);
    expect([await stored(running), await stored(young), await stored(older), await stored(oldest)]).toEqual([
      ALL.slice(0, -1), ALL, ALL, ['JobQueued', 'JobStarted', 'JobFinished'],
    ]);
    expect([await picture(running), await picture(young), await picture(older), await picture(oldest)]).toEqual([WEBP, WEBP, null, null]);
    expect(await sweep({ database: stack.database, ...RETENTION }), 'nothing is swept twice').toBe(0);
    const events = await collectEvents(stack.services, oldest);
    expect(events.map(({ seq, type }) => [seq, type]), 'a replay says so by a jump of seq, and ends').toEqual([[1, 'JobQueued'], [2, 'JobStarted'], [5, 'JobFinished']]);
  });

  it('removes an old job that left nothing, and keeps one that an asset was made by', async () => {
    const [gone, kept, young] = [await makeJob(2000), await makeJob(2000), await makeJob(999)];
    const { sha256, byteSize } = await stack.database.blobs.put(WEBP);
    await stack.database.pool.query(
      `INSERT INTO asset (id, owner_id, kind, origin, content_type, byte_size, sha256, job_id, candidate) VALUES ($1, 'ada', 'IMAGE', 'GENERATED', 'image/webp', $2, $3, $4, 0)`,
      [randomUUID(), byteSize, sha256, kept],
    );
    await sweep({ database: stack.database, ...RETENTION });
    const { rows } = await stack.database.pool.query<{ id: string }>('SELECT id FROM job WHERE id = ANY($1::uuid[]) ORDER BY id', [[gone, kept, young]]);
    expect(rows.map(({ id }) => id)).toEqual([kept, young].sort());
    expect((await stack.database.pool.query('SELECT FROM job_event WHERE job_id = $1', [gone])).rowCount).toBe(0);
  });

  it('goes on until nothing is left', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 51; count++) ids.push(await makeJob(25));
    expect(await sweep({ database: stack.database, ...RETENTION })).toBe(51);
  });

  it('leaves it to another process that is at it', async () => {
    const id = await makeJob(25);
    const client = await stack.database.pool.connect();
    await client.query('BEGIN; SELECT pg_advisory_xact_lock(7236001)');
    expect(await sweep({ database: stack.database, ...RETENTION })).toBe(0);
    await client.query('COMMIT');
    client.release();
    expect(await sweep({ database: stack.database, ...RETENTION })).toBe(1);
    expect(await picture(id)).toBeNull();
  });
});
