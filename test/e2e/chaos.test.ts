import { expect, it } from 'vitest';
import { runChaos } from '../support/chaos/chaos.ts';

// The long form is bench/chaos.ts. How many jobs fail depends on where the blows land; that each ends, once and whole, does not.
it('every job ends once and whole while workers, servers and Postgres are killed, frozen and cut off', async () => {
  const { faults, ends, blows } = await runChaos({ seed: 7, jobs: 24, apis: 2, workers: 2, beatMs: 40_000, pauseMs: [1_000, 5_000], deadlineMs: 600_000 });
  expect(faults).toEqual([]);
  expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBe(24);
  expect(ends.get('SUCCEEDED')).toBeGreaterThan(0);
  expect(blows.size).toBeGreaterThan(0);
}, 660_000);
