import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import type { Delivery } from '../../src/jobs/queue/job-puller.ts';
import { type JobQueue, openJobQueue } from '../../src/jobs/queue/job-queue.ts';
import { intercept } from '../support/data-inference.ts';
import { ADA, collectEvents, openDataStack, silent } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

/** A worker that was frozen between taking a job from the queue and claiming it wakes up when the queue has given it to another. */
describe('a job that was delivered twice', () => {
  let inference: InferenceClient;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
  });
  afterAll(() => inference.close());

  it('is not taken by the earlier delivery from the later one', async () => {
    await using stack = await openDataStack({ inference });
    const { database } = stack;
    const other = await openJobQueue({ database, log: silent });
    const { id } = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    const { bundle: model } = await inference.ready();
    const over = Promise.withResolvers<void>();
    const take = async (queue: JobQueue): Promise<Delivery> => {
      const taken = Promise.withResolvers<Delivery>();
      let room = true;
      await queue.work({ model, predecessorIsDead: false, hasRoom: () => room }, async (delivery) => {
        room = false;
        taken.resolve(delivery);
        await over.promise;
      });
      return taken.promise;
    };
    const earlier = await take(stack.queue);
    // As its heartbeat does when it runs out.
    await database.pool.query(`UPDATE pgboss.job SET state = 'retry', start_after = now() WHERE id = $1`, [id]);
    const later = await take(other);
    const store = new JobStore(database);
    expect(await store.claim(id, 'earlier', earlier.isCurrent)).toBeUndefined();
    const attempt = await store.claim(id, 'later', later.isCurrent);
    expect(attempt?.attempt).toBe(1);
    expect(await store.claim(id, 'earlier', earlier.isCurrent)).toBeUndefined();
    if (attempt !== undefined) await store.fail(attempt, 'INTERNAL', 'The test is over.');
    over.resolve();
    await other.close();
  });

  it('is not called done by a run that lost it: it is delivered again', async () => {
    let [jobId, stolen] = ['', false];
    await using stack = await openDataStack({
      inference: intercept(inference, async (event) => {
        if (event.type !== 'tokens' || stolen) return;
        stolen = true;
        await new JobStore(stack.database).claim(jobId, 'a worker that vanishes');
      }),
    });
    ({ id: jobId } = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox', seed: 7 }));
    await stack.startRunner();
    const events = await collectEvents(stack.services, jobId);
    expect(events.at(-1)).toMatchObject({ type: 'JobFinished', status: 'SUCCEEDED' });
    expect(await stack.services.jobs.byIds(ADA, [jobId])).toMatchObject([{ attempt: 3 }]);
  });
});
