import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { Viewer } from '../../src/services/contract.ts';
import { intercept } from '../support/data-inference.ts';
import { ADA, BOB, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

const CLEO: Viewer = { ownerId: 'cleo' };

/** One job at a time, the first of them held until the queue is as the test wants it: the order is the queue's alone. */
describe('the queue', () => {
  let client: InferenceClient;
  let stack: DataStack;
  let gate: PromiseWithResolvers<void>;
  let names: Map<string, string>;

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await client.ready();
  });
  afterAll(() => client.close());
  beforeEach(async () => {
    gate = Promise.withResolvers();
    names = new Map();
    const inference = intercept(client, async (event) => {
      if (event.type === 'started') await gate.promise;
    });
    stack = await openDataStack({ inference, concurrency: 1 });
  });
  afterEach(() => stack[Symbol.asyncDispose]());

  async function flood(viewer: Viewer, count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const { id } = await stack.services.generation.generate(viewer, { task: 'TEXT_TO_IMAGE', prompt: 'a fox', sampling: { guidance: 1 } });
      names.set(id, `${viewer.ownerId} ${[...names.values()].filter((name) => name.startsWith(viewer.ownerId)).length + 1}`);
      ids.push(id);
    }
    return ids;
  }

  /** The order in which all jobs began, from what the database kept. */
  async function order(): Promise<string[]> {
    gate.resolve();
    const owners = new Map([ADA, BOB, CLEO].map((viewer) => [viewer.ownerId, viewer]));
    for (const [id, name] of names) await collectEvents(stack.services, id, 0, owners.get(name.split(' ')[0] ?? ''));
    const { rows } = await stack.database.pool.query<{ jobId: string }>(`SELECT job_id AS "jobId" FROM job_event WHERE type = 'JobFinished' ORDER BY at`);
    return rows.map(({ jobId }) => names.get(jobId) ?? '');
  }

  const running = async (): Promise<number> => (await stack.database.pool.query(`SELECT FROM job WHERE status = 'RUNNING'`)).rowCount ?? 0;

  it('gives each owner a turn while one floods it', async () => {
    await flood(ADA, 1);
    await stack.startRunner();
    await expect.poll(running, { timeout: 60_000 }).toBe(1);
    await flood(ADA, 7);
    const [first] = await flood(BOB, 3);
    expect(await stack.services.jobs.queueOutlook(BOB, [first ?? ''])).toMatchObject([{ position: 2 }]);
    expect(await order()).toEqual(['ada 1', 'ada 2', 'bob 1', 'ada 3', 'bob 2', 'ada 4', 'bob 3', 'ada 5', 'ada 6', 'ada 7', 'ada 8']);
  });

  it('does not let a newcomer, however many its jobs, pass by who waits', async () => {
    await flood(ADA, 1);
    await stack.startRunner();
    await expect.poll(running, { timeout: 60_000 }).toBe(1);
    await flood(ADA, 3);
    await flood(BOB, 5);
    await flood(CLEO, 1);
    await flood(ADA, 1);
    const begun = await order();
    expect(begun.slice(0, 4)).toEqual(['ada 1', 'ada 2', 'bob 1', 'cleo 1']);
    expect(begun.indexOf('ada 5')).toBeLessThan(begun.indexOf('bob 5'));
  });

  it('tells the position in that order when it takes a job', async () => {
    await flood(ADA, 4);
    const [id] = await flood(BOB, 1);
    const [event] = (await stack.database.pool.query<{ payload: unknown }>('SELECT payload FROM job_event WHERE job_id = $1', [id])).rows;
    expect(event?.payload).toEqual({ type: 'JobQueued', position: 2 });
  });
});
