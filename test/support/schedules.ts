/** Random traffic for the engine: arrivals, owners, candidates, lengths, cancels, and so few slots that clips give them up and go on later. */
import fc from 'fast-check';
import type { Sequence } from '../../src/inference/core/sequence.ts';
import type { Engine } from '../../src/inference/engine/engine.ts';
import { makeSequence, openEngine, runToEnd, type EngineSettings, type SequenceSettings, type TinyInference } from './inference.ts';

interface Arrival {
  readonly owner: string;
  readonly candidates: number;
  readonly guidance: number;
  readonly task: 'TEXT_TO_IMAGE' | 'TEXT_TO_VIDEO';
  readonly prompt: string;
  /** Positions at the beginning that are given. */
  readonly given: number;
  /** Positions after which the reader leaves; beyond the clip: never. */
  readonly leaveAt: number;
  /** Positions of the request before that are done when this one comes. */
  readonly arriveAt: number;
}

export interface Schedule {
  readonly maxRows: number;
  readonly arrivals: readonly Arrival[];
}

const arrival = fc.record<Arrival>({
  owner: fc.constantFrom('x', 'y', 'z'),
  candidates: fc.constantFrom(1, 1, 2, 3),
  guidance: fc.constantFrom(1, 3),
  task: fc.constantFrom('TEXT_TO_IMAGE', 'TEXT_TO_VIDEO'),
  prompt: fc.constantFrom('a fox', 'a polar bear moves to the left on a blue background'),
  given: fc.constantFrom(0, 0, 6),
  leaveAt: fc.integer({ min: 0, max: 120 }),
  arriveAt: fc.integer({ min: 0, max: 30 }),
});

/** One owner who takes all slots, for whoever comes next to take some back. */
const greedy: Arrival = { owner: 'x', candidates: 3, guidance: 3, task: 'TEXT_TO_VIDEO', prompt: 'a fox', given: 6, leaveAt: 120, arriveAt: 0 };

const arrivals = fc.tuple(fc.oneof(fc.constant(greedy), arrival), fc.array(arrival, { maxLength: 5 })).map(([first, others]) => [first, ...others]);

export const schedules: fc.Arbitrary<Schedule> = fc.record({ maxRows: fc.constantFrom(2, 4, 4, 6), arrivals });

/** A schedule that surely makes a clip give up its slots: what random ones might leave out. */
export const contested: Schedule = { maxRows: 4, arrivals: [greedy, { ...greedy, owner: 'y', candidates: 2, arriveAt: 20 }, { ...greedy, owner: 'z', candidates: 1, guidance: 1, given: 0, arriveAt: 5 }] };

export type ScheduleSettings = Pick<EngineSettings, 'batchInvariant' | 'positionsPerRun'>;

/** Runs schedules, and each clip once more with nobody beside it, to compare. Owner of the engine for that; the caller closes it. */
export class ScheduleRunner {
  readonly #tiny: TinyInference;
  readonly #settings: ScheduleSettings;
  readonly #reference: Engine;
  readonly #alone = new Map<string, readonly number[]>();
  /** Over all schedules so far. */
  clips = 0;
  preemptions = 0;
  sharedRows = 0;

  constructor(tiny: TinyInference, settings: ScheduleSettings) {
    this.#tiny = tiny;
    this.#settings = settings;
    this.#reference = openEngine(tiny, { ...settings, prefixBytes: 0 });
  }

  /** Throws when a clip differs from its run alone, or something is left in the idle engine. */
  async run({ maxRows, arrivals }: Schedule): Promise<void> {
    const engine = openEngine(this.#tiny, { ...this.#settings, maxRows });
    const runs: Promise<void>[] = [];
    let before: readonly Sequence[] = [];
    for (const next of arrivals) {
      const settings = settingsOf(next);
      const sequences = settings.map((each) => makeSequence(this.#tiny, { ...each, owner: next.owner }));
      await reached(before, next.arriveAt);
      before = sequences;
      runs.push(this.#follow(engine, sequences, settings, next.leaveAt));
    }
    await Promise.all(runs);
    await engine.idle();
    engine.checkIntegrity();
    const { usedSlots, waiting, stagedRows, preemptions, prefixHits } = engine.usage;
    if (usedSlots + waiting + stagedRows + engine.running + engine.watched > 0) throw new Error(`left in the idle engine: ${JSON.stringify(engine.usage)}`);
    this.preemptions += preemptions;
    this.sharedRows += prefixHits;
    await engine.close();
  }

  async close(): Promise<void> {
    await this.#reference.close();
  }

  async #follow(engine: Engine, sequences: readonly Sequence[], settings: readonly SequenceSettings[], leaveAt: number): Promise<void> {
    for await (const _ of engine.generate(sequences, new AbortController().signal)) if (sequences.some(({ done }) => done >= leaveAt)) break;
    this.clips += sequences.length;
    for (const [i, { codes, done }] of sequences.entries()) {
      const expected = await this.#soloCodes(settings[i] as SequenceSettings);
      const at = codes.subarray(0, 2 * done).findIndex((code, place) => code !== expected[place]);
      if (at >= 0) throw new Error(`candidate ${i} differs from its run alone at ${at} of ${2 * done}: ${JSON.stringify(settings[i])}`);
    }
  }

  async #soloCodes(settings: SequenceSettings): Promise<readonly number[]> {
    const name = JSON.stringify(settings);
    const known = this.#alone.get(name);
    if (known !== undefined) return known;
    const sequence = makeSequence(this.#tiny, settings);
    await runToEnd(this.#reference, sequence);
    const codes = [...sequence.codes];
    this.#alone.set(name, codes);
    return codes;
  }
}

function settingsOf({ candidates, guidance, task, prompt, given }: Arrival): SequenceSettings[] {
  const forced = Int32Array.from({ length: given }, (_, i) => 37 * i);
  return Array.from({ length: candidates }, (_, candidate) => ({ candidate, task, prompt, sampling: { guidance, deterministic: true }, ...(given > 0 ? { forced } : {}) }));
}

/** Resolves when one of the sequences has `done` positions, or all have ended. */
async function reached(sequences: readonly Sequence[], done: number): Promise<void> {
  while (!sequences.every((sequence) => sequence.ended) && !sequences.some((sequence) => sequence.done >= done)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
