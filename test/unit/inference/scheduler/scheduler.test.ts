import { describe, expect, it } from 'vitest';
import { Sequence } from '../../../../src/inference/core/sequence.ts';
import { KvCache } from '../../../../src/inference/kv-cache/kv-cache.ts';
import { Scheduler, type StepPlan } from '../../../../src/inference/scheduler/scheduler.ts';
import { PLAIN } from '../../../support/inference.ts';

const SPEC = { task: 'TEXT_TO_VIDEO', taskRow: 17, conditioned: false, grid: [1, 2, 2], positions: 4, outputRange: { start: 0, size: 4 } } as const;

function sequence(requestId: string, { rows = 2, deterministic = false }: { rows?: 1 | 2; deterministic?: boolean } = {}): Sequence {
  const prefixes = rows === 2 ? [[1], [2]] : [[1]];
  return new Sequence({ requestId, candidate: 0, seed: 1, spec: SPEC, sampling: { ...PLAIN, deterministic }, prefixes });
}

function scheduler(slots: number, { batchInvariant = false, maxWaiting = 8 } = {}): Scheduler {
  return new Scheduler(new KvCache({ slots, layers: 1, kvHeads: 1, maxLength: 8, headDim: 2 }), { maxWaiting, batchInvariant });
}

/** Plans until every admitted sequence is prefilled. */
function prefillAll(target: Scheduler): string[] {
  const order: string[] = [];
  for (let plan = target.schedule(); plan?.type === 'prefill'; plan = target.schedule()) {
    plan.sequence.status = 'decode';
    order.push(plan.sequence.input.requestId);
  }
  return order;
}

function decodePlan(target: Scheduler): Extract<StepPlan, { type: 'decode' }> {
  const plan = target.schedule();
  if (plan?.type !== 'decode') throw new Error(`expected a decode step, got ${plan?.type ?? 'nothing'}`);
  target.checkIntegrity();
  return plan;
}

const names = (plan: Extract<StepPlan, { type: 'decode' }>): string[] => plan.sequences.map(({ input }) => input.requestId);

describe('scheduler', () => {
  it('has nothing to do when empty', () => {
    expect(scheduler(4).schedule()).toBeUndefined();
  });

  it('prefills before it decodes, then steps all ordinary sequences together', () => {
    const target = scheduler(8);
    target.add([sequence('a')]);
    target.add([sequence('b', { rows: 1 })]);
    expect(prefillAll(target)).toEqual(['a', 'b']);
    expect(decodePlan(target)).toMatchObject({ firstSlot: 0, rows: 3 });
  });

  it('pads shared steps to pairs of rows on a batch-invariant machine', () => {
    const target = scheduler(8, { batchInvariant: true });
    target.add([sequence('a')]);
    target.add([sequence('b', { rows: 1, deterministic: true })]);
    prefillAll(target);
    expect(decodePlan(target)).toMatchObject({ firstSlot: 0, rows: 4 });
  });

  it('gives turns in a ring: the shared batch and each lone sequence', () => {
    const target = scheduler(8);
    for (const [name, deterministic] of [['a', false], ['d', true], ['b', false], ['e', true]] as const) target.add([sequence(name, { deterministic })]);
    prefillAll(target);
    const turns = Array.from({ length: 6 }, () => names(decodePlan(target)).join('+'));
    expect(new Set(turns.slice(0, 3))).toEqual(new Set(['a+b', 'd', 'e']));
    expect(turns.slice(3)).toEqual(turns.slice(0, 3));
  });

  it('steps a lone sequence in the same shape whatever runs beside', () => {
    const target = scheduler(8);
    target.add([sequence('d', { deterministic: true })]);
    prefillAll(target);
    const alone = decodePlan(target).rows;
    target.add([sequence('a')]);
    target.add([sequence('b')]);
    prefillAll(target);
    const plans = Array.from({ length: 4 }, () => decodePlan(target)).filter((plan) => names(plan).includes('d'));
    expect(plans.map(({ sequences, rows }) => [sequences.length, rows])).toEqual(plans.map(() => [1, alone]));
    expect(plans.length).toBeGreaterThan(0);
  });

  it('lets deterministic sequences share on a batch-invariant machine, never as one row', () => {
    const target = scheduler(8, { batchInvariant: true });
    target.add([sequence('d', { deterministic: true, rows: 1 })]);
    prefillAll(target);
    expect(decodePlan(target)).toMatchObject({ rows: 2 });
    target.add([sequence('e', { deterministic: true })]);
    prefillAll(target);
    expect(names(decodePlan(target))).toEqual(['d', 'e']);
  });

  it('makes a sequence wait for slots and admits it when one ends', () => {
    const target = scheduler(2);
    const first = sequence('a');
    target.add([first]);
    target.add([sequence('b')]);
    prefillAll(target);
    expect(names(decodePlan(target))).toEqual(['a']);
    expect([target.running, target.waiting]).toEqual([1, 1]);
    first.status = 'finished';
    expect(prefillAll(target)).toEqual(['b']);
    expect([target.running, target.waiting]).toEqual([1, 0]);
  });

  it('admits requests in turn, one candidate each', () => {
    const target = scheduler(20);
    target.add(['a', 'a', 'a'].map((name) => sequence(name)));
    target.add([sequence('b')]);
    target.add(['c', 'c'].map((name) => sequence(name)));
    expect(prefillAll(target)).toEqual(['a', 'b', 'c', 'a', 'c', 'a']);
  });

  it('does not let a small sequence overtake one that waits for two slots', () => {
    const target = scheduler(3);
    target.add([sequence('a')]);
    target.add([sequence('b')]);
    target.add([sequence('c', { rows: 1 })]);
    expect(prefillAll(target)).toEqual(['a']);
  });

  it('refuses more than may wait', () => {
    const target = scheduler(2, { maxWaiting: 2 });
    target.add([sequence('a'), sequence('a')]);
    expect(() => target.add([sequence('b')])).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
  });

  it('drops a waiting sequence that was canceled', () => {
    const target = scheduler(2);
    const [first, second] = [sequence('a'), sequence('b')];
    target.add([first]);
    target.add([second]);
    target.schedule();
    second.status = 'canceled';
    target.schedule();
    expect(target.waiting).toBe(0);
    first.status = 'canceled';
    expect(target.schedule()).toBeUndefined();
    target.checkIntegrity();
  });
});
