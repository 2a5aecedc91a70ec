import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Sequence } from '../../../../src/inference/core/sequence.ts';
import type { Engine } from '../../../../src/inference/engine/engine.ts';
import { GREEDY, makeSequence, openEngine, openTinyInference, runToEnd, type EngineSettings, type SequenceSettings, type TinyInference } from '../../../support/inference.ts';

let tiny: TinyInference;
const engines: Engine[] = [];
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterEach(async () => await Promise.all(engines.splice(0).map(async (engine) => await engine.close())));
afterAll(async () => await tiny.models.close());

function newEngine(settings?: EngineSettings): Engine {
  const engine = openEngine(tiny, settings);
  engines.push(engine);
  return engine;
}

/** Codes of a clip that ran with nobody beside it. */
async function solo(settings: SequenceSettings, engineSettings?: EngineSettings): Promise<number[]> {
  const sequence = makeSequence(tiny, settings);
  await runToEnd(newEngine(engineSettings), sequence);
  return [...sequence.codes];
}

async function expectFree(engine: Engine): Promise<void> {
  await engine.idle();
  engine.checkIntegrity();
  expect([engine.running, engine.waiting]).toEqual([0, 0]);
}

/** Runs a sequence until at least `steps` positions are done, then leaves the loop. */
async function leaveAfter(engine: Engine, sequence: Sequence, steps: number): Promise<void> {
  for await (const _ of engine.generate([sequence], new AbortController().signal)) if (sequence.done >= steps) break;
}

describe('sampling laws', () => {
  it('same seed, same codes; another seed or candidate, others', async () => {
    const first = await solo({ seed: 5 });
    expect(await solo({ seed: 5 })).toEqual(first);
    expect(await solo({ seed: 6 })).not.toEqual(first);
    expect(await solo({ seed: 5, candidate: 1 })).not.toEqual(first);
  });

  it('temperature 0 does not depend on the seed, and is top-k 1', async () => {
    const greedy = await solo({ seed: 1, sampling: GREEDY });
    expect(await solo({ seed: 2, sampling: GREEDY })).toEqual(greedy);
    expect(await solo({ seed: 3, sampling: { topK: 1 } })).toEqual(greedy);
  });

  it('only codes of the video range are drawn', async () => {
    // At the highest temperature every one of the entries is about as likely; the last is a special token.
    for (let seed = 0; seed < 4; seed += 1) {
      const codes = await solo({ seed, sampling: { temperature: 2, topP: 1 } });
      expect(codes.every((code, i) => code >= 0 && code < (tiny.bundle.manifest.video.subCodebooks[i % 2] as number))).toBe(true);
    }
  });

  it('guidance changes the clip', async () => {
    expect(await solo({ sampling: { ...GREEDY, guidance: 1 } })).not.toEqual(await solo({ sampling: { ...GREEDY, guidance: 6 } }));
  });
});

describe.each([true, false])('determinism, sharing a batch: %s', (batchInvariant) => {
  const mine: SequenceSettings = { seed: 42, sampling: { deterministic: true } };

  it.each([3, 1])('a clip at guidance %d is bit-equal alone and among four neighbours that come and go', async (guidance) => {
    const settings = { ...mine, sampling: { deterministic: true, guidance } };
    const expected = await solo(settings, { batchInvariant });
    const engine = newEngine({ maxRows: 10, batchInvariant });
    const sequence = makeSequence(tiny, settings);
    const neighbour = (seed: number, changes: SequenceSettings = {}): Sequence => makeSequence(tiny, { seed, prompt: 'an octopus spins', ...changes });
    await Promise.all([
      leaveAfter(engine, neighbour(1), 7),
      runToEnd(engine, neighbour(2, { sampling: { guidance: 1, deterministic: false } })),
      runToEnd(engine, sequence),
      runToEnd(engine, neighbour(3, { sampling: { deterministic: false } })),
      leaveAfter(engine, neighbour(4, { task: 'TEXT_TO_IMAGE' }), 3),
    ]);
    expect([...sequence.codes]).toEqual(expected);
    await expectFree(engine);
  });
});

describe('ends', () => {
  it('leaving the loop frees the slots', async () => {
    const engine = newEngine({ maxRows: 2 });
    await leaveAfter(engine, makeSequence(tiny), 5);
    await expectFree(engine);
  });

  it('an abort throws CANCELED within one step of the clip', async () => {
    const engine = newEngine();
    const controller = new AbortController();
    const sequence = makeSequence(tiny);
    const run = async (): Promise<void> => {
      for await (const _ of engine.generate([sequence], controller.signal)) if (sequence.done === 5) controller.abort();
    };
    await expect(run()).rejects.toMatchObject({ code: 'CANCELED' });
    await expectFree(engine);
    expect(sequence.done).toBeLessThanOrEqual(6);
  });

  it('an abort while waiting for slots needs no step', async () => {
    const engine = newEngine({ maxRows: 2 });
    const [first, second] = [makeSequence(tiny, { seed: 1 }), makeSequence(tiny, { seed: 2 })];
    const controller = new AbortController();
    let waiting: Promise<void> | undefined;
    for await (const _ of engine.generate([first], new AbortController().signal)) {
      waiting ??= expectCanceled(engine, second, controller.signal);
      if (first.done === 3) controller.abort();
    }
    await waiting;
    expect(first.status).toBe('finished');
    expect(second.done).toBe(0);
    await expectFree(engine);
  });

  it('closing fails the open requests', async () => {
    const engine = openEngine(tiny);
    const run = runToEnd(engine, makeSequence(tiny));
    const [outcome] = await Promise.allSettled([run, engine.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'INFERENCE_UNAVAILABLE' } });
  });

  it('a step that fails ends its own sequences only, and frees them', async () => {
    const engine = newEngine({ batchInvariant: false });
    const broken = makeSequence(tiny, { seed: 1 });
    // A row id outside the embedding table: the graph itself refuses it.
    const bad = new (broken.constructor as typeof Sequence)({ ...broken.input, prefixes: [[1_000_000]] });
    const good = makeSequence(tiny, { seed: 2 });
    const [first, second] = await Promise.allSettled([runToEnd(engine, bad), runToEnd(engine, good)]);
    expect(first).toMatchObject({ status: 'rejected' });
    expect(second.status).toBe('fulfilled');
    await expectFree(engine);
  });

  it('more than may wait is refused with QUEUE_FULL and leaves no trace', async () => {
    const engine = newEngine({ maxRows: 2, maxWaiting: 2 });
    const sequences = [1, 2, 3].map((seed) => makeSequence(tiny, { seed }));
    await expect(runToEnd(engine, ...sequences)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expectFree(engine);
  });
});

async function expectCanceled(engine: Engine, sequence: Sequence, signal: AbortSignal): Promise<void> {
  await expect(
    (async () => {
      for await (const _ of engine.generate([sequence], signal));
    })(),
  ).rejects.toMatchObject({ code: 'CANCELED' });
}

/** Resolves when the sequence has `done` positions, or ended. */
async function reached(sequence: Sequence | undefined, done: number): Promise<void> {
  for (;;) {
    if (sequence === undefined || sequence.ended || sequence.done >= done) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('any traffic', () => {
  const clip = fc.record({
    seed: fc.integer({ min: 0, max: 2 }),
    guidance: fc.constantFrom(1, 3),
    task: fc.constantFrom('TEXT_TO_IMAGE' as const, 'TEXT_TO_VIDEO' as const),
    prompt: fc.constantFrom('a fox', 'a polar bear moves to the left on a blue background'),
    /** Positions after which its reader leaves; beyond the clip: never. */
    leaveAt: fc.integer({ min: 0, max: 120 }),
    /** Positions of the clip before it that are done when it arrives. */
    arriveAt: fc.integer({ min: 0, max: 40 }),
  });

  it.each([true, false])('frees everything, and each finished clip equals its solo run (sharing a batch: %s)', { timeout: 120_000 }, async (batchInvariant) => {
    const alone = new Map<string, number[]>();
    const reference = newEngine({ batchInvariant });
    const soloCodes = async (settings: SequenceSettings): Promise<number[]> => {
      const key = JSON.stringify(settings);
      const known = alone.get(key);
      if (known !== undefined) return known;
      const sequence = makeSequence(tiny, settings);
      await runToEnd(reference, sequence);
      alone.set(key, [...sequence.codes]);
      return [...sequence.codes];
    };
    await fc.assert(
      fc.asyncProperty(fc.array(clip, { minLength: 1, maxLength: 6 }), fc.constantFrom(2, 3, 8), async (clips, maxRows) => {
        const engine = openEngine(tiny, { maxRows, batchInvariant });
        const runs: Promise<void>[] = [];
        let before: Sequence | undefined;
        for (const { leaveAt, arriveAt, guidance, ...rest } of clips) {
          const settings = { ...rest, sampling: { guidance, deterministic: true } };
          const sequence = makeSequence(tiny, settings);
          await reached(before, arriveAt);
          before = sequence;
          runs.push(
            (async () => {
              await leaveAfter(engine, sequence, leaveAt);
              const done = 2 * sequence.done;
              expect([...sequence.codes.subarray(0, done)]).toEqual((await soloCodes(settings)).slice(0, done));
            })(),
          );
        }
        await Promise.all(runs);
        await expectFree(engine);
        await engine.close();
      }),
      { numRuns: 15 },
    );
  });
});
