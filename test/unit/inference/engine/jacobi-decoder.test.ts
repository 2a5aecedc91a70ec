import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN } from '../../../../src/inference/core/generation.ts';
import type { Sequence } from '../../../../src/inference/core/sequence.ts';
import { makeSequence, openEngine, openTinyInference, runToEnd, type EngineSettings, type SequenceSettings, type TinyInference } from '../../../support/inference.ts';

/** Five latent frames of 4 rows of 4. */
const POSITIONS = 80;
const FRAME = 16;

let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

interface Counts {
  steps: number;
  runs: number;
}

/** The model, its steps and its runs of several positions counted; as in a bundle that cannot run several on demand. */
function counted(counts: Counts, runsAhead = true, rowsAhead = Infinity): TinyInference {
  const model = tiny.models.language;
  const language = new Proxy(model, {
    get(target, name) {
      if (name === 'runsAhead') return runsAhead && target.runsAhead;
      if (name === 'rowsAhead') return Math.min(rowsAhead, target.rowsAhead);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'decode') counts.steps += 1;
        if (name === 'ahead') counts.runs += 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { ...tiny, models: { ...tiny.models, language } };
}

/** Runs the sequences side by side; nothing is left in the engine. */
async function run(sequences: readonly Sequence[], settings: EngineSettings, inference = tiny): Promise<void> {
  const engine = openEngine(inference, settings);
  await Promise.all(sequences.map(async (sequence) => await runToEnd(engine, sequence)));
  await engine.idle();
  engine.checkIntegrity();
  expect(engine.usage.usedSlots).toBe(0);
  await engine.close();
}

async function codesOf(settings: SequenceSettings, engineSettings: EngineSettings = {}, inference = tiny): Promise<number[]> {
  const sequence = makeSequence(tiny, settings);
  await run([sequence], engineSettings, inference);
  return [...sequence.codes];
}

/** Of `POSITIONS`, those for which `isGiven` holds have codes. */
function givenWhere(isGiven: (position: number) => boolean): Int32Array {
  return Int32Array.from({ length: POSITIONS }, (_, i) => (isGiven(i) ? (i * 137) % 1280 : UNKNOWN));
}

const clips: fc.Arbitrary<SequenceSettings> = fc.record({
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  prompt: fc.constantFrom('a fox', 'a polar bear moves to the left on a blue background'),
  sampling: fc.record({ temperature: fc.constantFrom(0, 0.1, 0.3, 1), guidance: fc.constantFrom(1, 3), topP: fc.constantFrom(0.95, 1), deterministic: fc.boolean() }),
  task: fc.constantFrom('TEXT_TO_VIDEO', 'INPAINT_VIDEO'),
  forced: fc.constantFrom(givenWhere(() => false), givenWhere((i) => i < FRAME), givenWhere((i) => i < 5 || i % 3 === 0), givenWhere((i) => i >= 70), givenWhere(() => true)),
  condition: fc.constantFrom(givenWhere(() => false), givenWhere((i) => i % 5 !== 0)),
});

describe('drawing several positions in a run', () => {
  it('makes the clip that steps make, whatever is drawn, given and shown, and however many a run draws', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(clips, fc.integer({ min: 2, max: POSITIONS + 10 }), async (settings, positionsPerRun) => {
        expect(await codesOf(settings, { positionsPerRun })).toEqual(await codesOf(settings));
      }),
      { numRuns: 40 },
    );
  });

  it.each(['TEXT_TO_IMAGE', 'AUDIO_TO_VIDEO', 'VIDEO_TO_AUDIO', 'VIDEO_TO_TEXT'] as const)('leaves %s as it is', async (task) => {
    const source = { video: new Int32Array(POSITIONS).fill(3), sound: new Int32Array(8).fill(2) };
    const settings = { task, ...(task.startsWith('VIDEO') && { video: source.video }), ...(task.startsWith('AUDIO') && { sound: source.sound }) };
    expect(await codesOf(settings, { positionsPerRun: 20 })).toEqual(await codesOf(settings));
  });

  it('takes no step, and a run for each wrong guess at most', async () => {
    const counts = { steps: 0, runs: 0 };
    const settings = { task: 'INPAINT_VIDEO', forced: givenWhere((i) => i % 8 !== 1), sampling: { guidance: 1 } } as const;
    await codesOf(settings, { positionsPerRun: POSITIONS }, counted(counts));
    expect(counts.steps).toBe(0);
    expect(counts.runs).toBeGreaterThan(0);
    expect(counts.runs).toBeLessThanOrEqual(POSITIONS / 8 + 1);
  });

  it('a run goes on over the end of a latent frame, and stops at that of the clip', async () => {
    const counts = { steps: 0, runs: 0 };
    // Where everything is given, every guess is right.
    await codesOf({ task: 'EXTEND_VIDEO', forced: givenWhere(() => true), sampling: { guidance: 1 } }, { positionsPerRun: 3 * FRAME }, counted(counts));
    expect(counts.runs).toBe(2);
  });

  it('steps where the bundle cannot', async () => {
    const counts = { steps: 0, runs: 0 };
    const settings = { seed: 9 };
    expect(await codesOf(settings, { positionsPerRun: 20 }, counted(counts, false))).toEqual(await codesOf(settings));
    expect(counts).toEqual({ steps: POSITIONS, runs: 0 });
  });

  it('clips that share runs have the codes that each has alone, whatever is drawn, given and shown', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(clips, { minLength: 2, maxLength: 6 }), fc.integer({ min: 2, max: POSITIONS }), fc.integer({ min: 1, max: 8 }), async (settings, positionsPerRun, rowsAhead) => {
        const sequences = settings.map((each) => makeSequence(tiny, each));
        await run(sequences, { maxRows: 12, positionsPerRun }, counted({ steps: 0, runs: 0 }, true, rowsAhead));
        for (const [i, each] of settings.entries()) expect([...(sequences[i] as Sequence).codes]).toEqual(await codesOf(each, { positionsPerRun }));
      }),
      { numRuns: 15 },
    );
  });

  it('eight clips take as many runs as the one that takes most, where the bundle computes eight rows in a run', async () => {
    const settings = Array.from({ length: 8 }, (_, seed): SequenceSettings => ({ seed, sampling: { guidance: 1 } }));
    const alone: number[] = [];
    for (const each of settings) {
      const counts = { steps: 0, runs: 0 };
      await codesOf(each, { positionsPerRun: 20 }, counted(counts));
      alone.push(counts.runs);
    }
    // All begin together once they are filled.
    const together = { steps: 0, runs: 0 };
    await run(settings.map((each) => makeSequence(tiny, each)), { maxRows: 8, positionsPerRun: 20 }, counted(together));
    expect(together.runs).toBeLessThan(Math.max(...alone) + settings.length);
    const one = { steps: 0, runs: 0 };
    await run(settings.map((each) => makeSequence(tiny, each)), { maxRows: 8, positionsPerRun: 20 }, counted(one, true, 1));
    expect(one.runs).toBe(alone.reduce((sum, runs) => sum + runs, 0));
  });

  it('a clip whose reader leaves in the middle has the beginning of the whole one, and frees its slots', async () => {
    const whole = await codesOf({ seed: 4 });
    const engine = openEngine(tiny, { positionsPerRun: 20 });
    const sequence = makeSequence(tiny, { seed: 4 });
    for await (const _ of engine.generate([sequence], new AbortController().signal)) if (sequence.done >= 30) break;
    await engine.idle();
    engine.checkIntegrity();
    await engine.close();
    expect(sequence.done).toBeLessThan(POSITIONS);
    expect([...sequence.codes.subarray(0, 2 * sequence.done)]).toEqual(whole.slice(0, 2 * sequence.done));
  });

  it('clips that take all slots are not touched by the padding of the step beside them', async () => {
    // One row of sound, padded to two, and three clips of one row each: four slots.
    const sampling = { guidance: 1 };
    const settings: SequenceSettings[] = [{ task: 'TEXT_TO_AUDIO', sampling }, ...[1, 2, 3].map((seed) => ({ seed, sampling }))];
    const expected = await Promise.all(settings.map(async (each) => await codesOf(each)));
    const sequences = settings.map((each) => makeSequence(tiny, each));
    await run(sequences, { maxRows: 4, positionsPerRun: 2 });
    expect(sequences.map(({ codes }) => [...codes])).toEqual(expected);
  });
});
