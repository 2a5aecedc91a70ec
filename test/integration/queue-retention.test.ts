import { expect, it, vi } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { ADA, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

it('forgets in minutes, not in a day, what has left the queue an hour ago', async () => {
  const inference: InferenceClient = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  await using stack = await openDataStack({ inference });
  const { database: { pool }, services: { generation, jobs } } = stack;
  const [old, young] = [await generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' }), await generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' })];
  for (const { id } of [old, young]) await jobs.cancel(ADA, id);
  await pool.query(`UPDATE pgboss.job SET completed_on = now() - interval '61 minutes' WHERE id = $1`, [old.id]);
  await pool.query(`UPDATE pgboss.queue SET maintain_on = now() - interval '6 minutes'`);
  await vi.waitFor(async () => expect((await pool.query<{ id: string }>('SELECT id FROM pgboss.job')).rows).toEqual([{ id: young.id }]), { timeout: 50_000, interval: 200 });
  await inference.close();
});
