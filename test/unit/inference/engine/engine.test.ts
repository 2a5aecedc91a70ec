import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CacheView } from '../../../../src/inference/core/cache-view.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import type { Sequence } from '../../../../src/inference/core/sequence.ts';
import type { Engine } from '../../../../src/inference/engine/engine.ts';
import { contested, schedules, ScheduleRunner } from '../../../support/schedules.ts';
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
    const layout = new TokenLayout(tiny.bundle.manifest);
    // A row id outside the embedding table: the graph itself refuses it.
    const bad = new (broken.constructor as typeof Sequence)({ ...broken.input, prefixes: [layout.join(layout.plain([1_000_000]))] });
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

/** The real model, its work counted. */
function counting(inference: TinyInference): { readonly inference: TinyInference; readonly work: { prefills: number; decodedRows: number } } {
  const { language } = inference.models;
  const work = { prefills: 0, decodedRows: 0 };
  const counted = new Proxy(language, {
    get(target, name) {
      // Positions one by one: neither what is given nor what is drawn in runs of several.
      if (name === 'runsGiven' || name === 'runsAhead') return false;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'prefill') work.prefills += 1;
        if (name === 'decode') work.decodedRows += (args[2] as CacheView).rows;
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { inference: { ...inference, models: { ...inference.models, language: counted } }, work };
}

describe('what is shared', () => {
  const picture = Int32Array.from({ length: 16 }, (_, i) => 41 * i);

  it('a prefix is computed once for all candidates and for later requests', async () => {
    const { inference, work } = counting(tiny);
    const engine = openEngine(inference, { maxRows: 4 });
    engines.push(engine);
    await runToEnd(engine, ...[0, 1, 2].map((candidate) => makeSequence(tiny, { candidate, task: 'TEXT_TO_IMAGE' })));
    await runToEnd(engine, makeSequence(tiny, { seed: 7, task: 'TEXT_TO_IMAGE' }));
    expect(work.prefills).toBe(2);
    expect(engine.usage).toMatchObject({ prefixRows: 2, prefixHits: 6, prefixMisses: 2 });
  });

  it.each([true, false])('so is a picture, and the clips are the same as without (sharing a batch: %s)', async (batchInvariant) => {
    const { inference, work } = counting(tiny);
    const engine = openEngine(inference, { maxRows: 6, batchInvariant });
    engines.push(engine);
    const settings = [0, 1, 2].map((candidate) => ({ candidate, forced: picture }));
    const candidates = settings.map((each) => makeSequence(tiny, each));
    await runToEnd(engine, ...candidates);
    expect(work.decodedRows).toBe(2 * (80 + 2 * 64));
    const later = makeSequence(tiny, { seed: 5, forced: picture });
    await runToEnd(engine, later);
    expect(work.decodedRows).toBe(2 * (80 + 3 * 64));
    for (const [i, each] of settings.entries()) expect([...(candidates[i] as Sequence).codes]).toEqual(await solo(each, { batchInvariant }));
    expect([...later.codes]).toEqual(await solo({ seed: 5, forced: picture }, { batchInvariant }));
    await expectFree(engine);
  });

  it('another picture, condition or task is another beginning', async () => {
    const { inference, work } = counting(tiny);
    const engine = openEngine(inference);
    engines.push(engine);
    const condition = new Int32Array(80).fill(3);
    for (const settings of [{ forced: picture }, { forced: picture.map((code) => code + 1) }, { forced: picture, condition }, { forced: picture, prompt: 'a fox' }]) {
      const before = work.decodedRows;
      await runToEnd(engine, makeSequence(tiny, settings));
      expect(work.decodedRows - before).toBe(160);
    }
  });
});

describe.each([
  [true, 1],
  [false, 1],
  [true, 8],
])('any traffic, sharing a batch: %s, positions of a clip in a run: %d', (batchInvariant, positionsPerRun) => {
  it('frees everything, and each clip equals its run alone', { timeout: 300_000 }, async () => {
    const runner = new ScheduleRunner(tiny, { batchInvariant, positionsPerRun });
    await fc.assert(fc.asyncProperty(schedules, async (schedule) => await runner.run(schedule)), { numRuns: 25, examples: [[contested]] });
    expect(runner.preemptions).toBeGreaterThan(0);
    expect(runner.sharedRows).toBeGreaterThan(0);
    await runner.close();
  });
});
