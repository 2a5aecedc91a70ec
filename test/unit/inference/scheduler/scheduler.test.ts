import { describe, expect, it } from 'vitest';
import { Sequence } from '../../../../src/inference/core/sequence.ts';
import { openCaches, type Caches } from '../../../../src/inference/kv-cache/caches.ts';
import { Scheduler, type AheadOptions, type StepPlan } from '../../../../src/inference/scheduler/scheduler.ts';
import { PLAIN } from '../../../support/inference.ts';
import { OUTPUT, prefixOf } from '../../../support/outputs.ts';

interface Settings {
  readonly owner?: string;
  readonly rows?: 1 | 2;
  readonly deterministic?: boolean;
  readonly forced?: readonly number[];
}

function sequence(requestId: string, { owner = requestId, rows = 2, deterministic = false, forced = [] }: Settings = {}): Sequence {
  const prefixes = rows === 2 ? [prefixOf(1), prefixOf(2)] : [prefixOf(1)];
  return new Sequence({ requestId, owner, candidate: 0, seed: 1, output: { ...OUTPUT, forced: Int32Array.from(forced) }, sampling: { ...PLAIN, deterministic }, prefixes });
}

interface SchedulerSettings {
  readonly batchInvariant?: boolean;
  readonly maxWaiting?: number;
  readonly maxPauseMs?: number;
  readonly ahead?: AheadOptions;
}

function openScheduler(slots: number, { batchInvariant = false, maxWaiting = 8, maxPauseMs = 20, ahead }: SchedulerSettings = {}): { target: Scheduler; caches: Caches } {
  const caches = openCaches({ slots, layers: 1, kvHeads: 1, maxLength: 8, headDim: 2 }, { batchInvariant });
  return { target: new Scheduler(caches, { maxWaiting, batchInvariant, maxPauseMs, ahead }), caches };
}

function scheduler(slots: number, options: SchedulerSettings = {}): Scheduler {
  return openScheduler(slots, options).target;
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

/** Plans `count` steps; a prefill fills its sequence and takes `prefillMs`. Names of what ran. */
function follow(target: Scheduler, count: number, prefillMs: number): string[] {
  return Array.from({ length: count }, () => {
    const plan = target.schedule();
    if (plan === undefined) return 'nothing';
    target.ran(plan, plan.type === 'prefill' ? prefillMs : 1);
    if (plan.type === 'decode') return names(plan).join('+');
    if (plan.type === 'ahead') return `ahead ${plan.turns.map((turn) => turn.sequence.input.requestId).join('+')}`;
    plan.sequence.status = 'decode';
    return `prefill ${plan.sequence.input.requestId}`;
  });
}

describe('sequences of which a run draws several positions', () => {
  /** Those whose names begin with `v`; runs of four rows. */
  const ahead: AheadOptions = { takes: ({ input }) => input.requestId.startsWith('v'), rows: 4, invariant: true };

  it('share runs as far as the rows go, and take turns', () => {
    const target = scheduler(12, { ahead });
    for (const name of ['v1', 'v2', 'v3', 'v4']) target.add([sequence(name, { rows: 1 })]);
    expect(follow(target, 6, 1).slice(4)).toEqual(['ahead v1+v2+v3+v4', 'ahead v1+v2+v3+v4']);
    target.checkIntegrity();
  });

  it('are spread evenly over the runs that it takes', () => {
    const target = scheduler(12, { ahead });
    for (const name of ['v1', 'v2', 'v3', 'v4', 'v5']) target.add([sequence(name, { rows: 1 })]);
    expect(follow(target, 8, 1).slice(5)).toEqual(['ahead v1+v2+v3', 'ahead v4+v5+v1', 'ahead v2+v3+v4']);
    target.checkIntegrity();
  });

  it('keep both rows of a guided one in a run, and one that is too wide by itself', () => {
    const target = scheduler(12, { ahead: { ...ahead, rows: 3 } });
    target.add([sequence('v1')]);
    target.add([sequence('v2')]);
    target.add([sequence('v3', { rows: 1 })]);
    expect(follow(target, 5, 1).slice(3)).toEqual(['ahead v1+v3', 'ahead v2+v3']);
    const narrow = scheduler(12, { ahead: { ...ahead, rows: 1 } });
    narrow.add([sequence('v1')]);
    narrow.add([sequence('v2')]);
    expect(follow(narrow, 4, 1).slice(2)).toEqual(['ahead v1', 'ahead v2']);
  });

  it('are planned with the slots of their own, beside the steps of the others', () => {
    const { target, caches } = openScheduler(12, { ahead });
    for (const name of ['v1', 'a', 'v2']) target.add([sequence(name)]);
    expect(follow(target, 3, 1)).toEqual(['prefill a', 'prefill v1', 'prefill v2']);
    const plan = target.schedule();
    if (plan?.type !== 'ahead') throw new Error('expected a run of several positions');
    expect(plan.turns.map(({ firstSlot }) => firstSlot)).toEqual(plan.turns.map(({ sequence: own }) => caches.slots.table.firstSlot(own)));
    expect(follow(target, 2, 1)).toEqual(['a', 'ahead v1+v2']);
  });

  it.each([
    [true, ['ahead d1+v1+v2', 'ahead d1+v1+v2']],
    [false, ['ahead d1', 'ahead v1+v2']],
  ])('share with a deterministic one if no result depends on the others (%s)', (invariant, expected) => {
    const target = scheduler(12, { ahead: { ...ahead, takes: () => true, invariant } });
    target.add([sequence('d1', { rows: 1, deterministic: true })]);
    target.add([sequence('v1', { rows: 1 })]);
    target.add([sequence('v2', { rows: 1 })]);
    expect(follow(target, 5, 1).slice(3)).toEqual(expected);
  });

  it('wait for a prefill between two of their runs', () => {
    const target = scheduler(12, { ahead, maxPauseMs: 20 });
    for (const name of ['v1', 'v2', 'v3']) target.add([sequence(name)]);
    expect(follow(target, 6, 20)).toEqual(['prefill v1', 'ahead v1', 'prefill v2', 'ahead v2+v1', 'prefill v3', 'ahead v3+v2']);
  });
});

describe('the pace of prefills', () => {
  it('lets one go between two steps of those that run, when each takes as long as the limit', () => {
    const target = scheduler(8, { maxPauseMs: 20 });
    for (const name of ['a', 'b', 'c', 'd']) target.add([sequence(name)]);
    expect(follow(target, 7, 20)).toEqual(['prefill a', 'a', 'prefill b', 'a+b', 'prefill c', 'a+b+c', 'prefill d']);
  });

  it('lets as many go as fit', () => {
    const target = scheduler(10, { maxPauseMs: 20 });
    target.add([sequence('a')]);
    follow(target, 2, 8);
    for (const name of ['b', 'c', 'd', 'e']) target.add([sequence(name)]);
    expect(follow(target, 6, 8)).toEqual(['prefill b', 'prefill c', 'a+b+c', 'prefill d', 'prefill e', 'a+b+c+d+e']);
  });

  it('counts the pause of every run, not of the next one only', () => {
    const target = scheduler(8, { maxPauseMs: 20 });
    for (const name of ['a', 'b']) target.add([sequence(name, { deterministic: true })]);
    follow(target, 4, 20);
    for (const name of ['c', 'd']) target.add([sequence(name, { deterministic: true })]);
    const ran = follow(target, 9, 20);
    // Between two steps of a, or of b, one prefill: never one before each.
    expect(ran.indexOf('prefill d') - ran.indexOf('prefill c')).toBeGreaterThan(2);
    expect(ran).toContain('d');
  });
});

describe('owners', () => {
  it('may differ within one call', () => {
    const target = scheduler(8);
    target.add([sequence('a', { owner: 'x' }), sequence('b', { owner: 'y' }), sequence('c', { owner: 'x' })]);
    expect(prefillAll(target)).toEqual(['a', 'b', 'c']);
    expect(target.waiting).toBe(0);
  });

  it('with fewer rows at work go first', () => {
    const target = scheduler(8);
    target.add([sequence('x1', { owner: 'x' })]);
    target.add([sequence('x2', { owner: 'x' })]);
    target.add([sequence('x3', { owner: 'x' })]);
    target.add([sequence('y1', { owner: 'y' })]);
    target.add([sequence('z1', { owner: 'z' })]);
    expect(prefillAll(target)).toEqual(['x1', 'y1', 'z1', 'x2']);
  });

  it('who have more than a newcomer would have give slots back, and go on when he has ended', () => {
    const { target, caches } = openScheduler(8);
    const all = ['x1', 'x2', 'x3', 'x4'].map((name) => sequence(name, { owner: 'x' }));
    for (const each of all) target.add([each]);
    prefillAll(target);
    all.forEach((each, i) => (each.done = 3 - i));
    const newcomer = sequence('y1', { owner: 'y' });
    target.add([newcomer]);
    expect(prefillAll(target)).toEqual(['y1']);
    target.checkIntegrity();
    expect([all[3]?.status, caches.staged.rows, target.preemptions]).toEqual(['waiting', 2, 1]);
    newcomer.status = 'finished';
    const plan = target.schedule();
    expect(plan).toMatchObject({ type: 'prefill', sequence: all[3] });
    target.checkIntegrity();
  });

  it('never take slots from each other in turn', () => {
    const target = scheduler(6);
    const x = ['x1', 'x2', 'x3'].map((name) => sequence(name, { owner: 'x' }));
    for (const each of x) target.add([each]);
    prefillAll(target);
    const y = ['y1', 'y2', 'y3'].map((name) => sequence(name, { owner: 'y' }));
    for (const each of y) target.add([each]);
    prefillAll(target);
    expect(target.preemptions).toBe(1);
    for (let step = 0; step < 20; step += 1) decodePlan(target);
    expect(target.preemptions).toBe(1);
  });

  it('keep both rows of a guided pair, and make room for one of another', () => {
    const target = scheduler(4);
    const x = ['x1', 'x2', 'x3', 'x4'].map((name) => sequence(name, { owner: 'x', rows: 1 }));
    for (const each of x) target.add([each]);
    prefillAll(target);
    target.add([sequence('y1', { owner: 'y' })]);
    expect(prefillAll(target)).toEqual(['y1']);
    target.checkIntegrity();
    expect(x.filter((each) => each.status === 'waiting')).toHaveLength(2);
  });

  it('who cancel while they wait leave nothing staged', () => {
    const { target, caches } = openScheduler(4);
    const x = ['x1', 'x2'].map((name) => sequence(name, { owner: 'x' }));
    for (const each of x) target.add([each]);
    prefillAll(target);
    target.add([sequence('y1', { owner: 'y' })]);
    prefillAll(target);
    const waiting = x.find((each) => each.status === 'waiting') as Sequence;
    waiting.status = 'canceled';
    target.schedule();
    expect([caches.staged.rows, target.waiting]).toEqual([0, 0]);
    target.checkIntegrity();
  });
});

describe('sequences that are given the same', () => {
  it('wait while one of them computes it, and let others pass', async () => {
    const { target, caches } = openScheduler(8);
    const [first, second] = [sequence('a', { forced: [1, 2] }), sequence('a', { forced: [1, 2] })];
    target.add([first, second]);
    target.add([sequence('b')]);
    expect(prefillAll(target)).toEqual(['a', 'b']);
    decodePlan(target);
    expect(second.status).toBe('waiting');
    const copy = await caches.slots.read(0, 3);
    caches.prefixes.keepLead(first, [copy, copy]);
    first.done = 2;
    expect(target.schedule()).toMatchObject({ type: 'prefill', sequence: second });
  });

  it('do not wait for one that is gone', () => {
    const target = scheduler(8);
    const [first, second] = [sequence('a', { forced: [1, 2] }), sequence('a', { forced: [1, 2] })];
    target.add([first, second]);
    prefillAll(target);
    first.status = 'canceled';
    expect(prefillAll(target)).toEqual(['a']);
    expect(second.status).toBe('decode');
  });
});
