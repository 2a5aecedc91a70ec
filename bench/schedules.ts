/**
 * Runs random schedules on the tiny bundle and compares every clip with its run alone, bit by bit: arrivals, owners, candidates, lengths,
 * cancels, and so few slots that clips give them up and go on later.
 *
 *     node bench/schedules.ts [schedules] [seed]
 *
 * Stops at the first difference, and at anything that is left in the idle engine.
 */
import fc from 'fast-check';
import { openTinyInference } from '../test/support/inference.ts';
import { contested, schedules, ScheduleRunner } from '../test/support/schedules.ts';

const [count = '500', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
const tiny = await openTinyInference();
for (const settings of [{ batchInvariant: true }, { batchInvariant: false }, { batchInvariant: true, positionsPerRun: 8 }]) {
  const runner = new ScheduleRunner(tiny, settings);
  const startedAt = performance.now();
  await fc.assert(fc.asyncProperty(schedules, async (schedule) => await runner.run(schedule)), { numRuns: Number(count), seed: Number(seed), examples: [[contested]] });
  const { clips, preemptions, sharedRows } = runner;
  console.log(
    `${count} schedules, ${JSON.stringify(settings)}, seed ${seed}: ${clips} clips equal to their runs alone, ` +
      `${preemptions} preemptions, ${sharedRows} shared rows, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
  );
  await runner.close();
}
await tiny.models.close();
