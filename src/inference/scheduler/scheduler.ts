/**
 * Decides what the next step runs (continuous batching, Yu et al., "Orca", OSDI 2022). Sequences join and leave between steps.
 * Runs take turns: the shared batch, and each sequence that must step alone. Prefills go between the turns, as many as the pace allows.
 *
 * A deterministic sequence gets the same bits whatever runs beside it. On a machine whose kernels are batch invariant
 * (engine/batch-invariance.ts) it may share, as long as a shared step never has a row without another; elsewhere it steps alone, always in the same shape.
 * Clips of which one run draws several positions take turns with the others, together as far as the rows of such a run go.
 *
 * Both rows of a guided sequence lie side by side and come and go together. When the slots are taken, an owner who has more than a newcomer
 * would have gives some back: the cache of a sequence is kept, and copied into slots when it goes on (vLLM's "swapping", Kwon et al., SOSP 2023).
 */
import type { Sequence } from '../core/sequence.ts';
import type { Caches } from '../kv-cache/caches.ts';
import type { Side } from '../kv-cache/slot-table.ts';
import { Pace } from './pace.ts';
import { choosePreempted, rowsByOwner } from './preemption.ts';
import { WaitingQueue } from './waiting-queue.ts';

export type StepPlan =
  /** The next row of the sequence, or all of them at once where they are known. */
  | { readonly type: 'prefill'; readonly sequence: Sequence; readonly firstSlot: number }
  /** The sequences' rows lie in this order in the slots from `firstSlot` on; rows after theirs are padding, in a slot whose contents nobody needs. */
  | { readonly type: 'decode'; readonly sequences: readonly Sequence[]; readonly firstSlot: number; readonly rows: number }
  /** Several positions of each sequence. */
  | { readonly type: 'ahead'; readonly turns: readonly { readonly sequence: Sequence; readonly firstSlot: number }[] };

type Run = 'shared' | Sequence;

export interface AheadOptions {
  takes(sequence: Sequence): boolean;
  /** The most rows of a run; a sequence of more runs alone. */
  readonly rows: number;
  /** Deterministic sequences may share a run. */
  readonly invariant: boolean;
}

export interface SchedulerOptions {
  /** Sequences that may wait for slots. */
  readonly maxWaiting: number;
  readonly batchInvariant: boolean;
  /** How long prefills may hold up the running sequences between two of their steps, ms; a single one may take longer. */
  readonly maxPauseMs: number;
  /** Sequences of which a run draws several positions; undefined: of none. */
  readonly ahead?: AheadOptions | undefined;
}

/** A shared step on a batch-invariant machine has pairs of rows: a row without another takes another kernel (matrix times vector, or the rest of a tile). */
export const MIN_SHARED_ROWS = 2;

/** `rows`, and the padding that makes pairs of them. */
export function pairedRows(rows: number): number {
  return Math.ceil(rows / MIN_SHARED_ROWS) * MIN_SHARED_ROWS;
}

export class Scheduler {
  readonly #caches: Caches;
  readonly #waiting: WaitingQueue;
  readonly #pace: Pace;
  readonly #batchInvariant: boolean;
  readonly #ahead: AheadOptions | undefined;
  /** Runs in turn order; the first is next. */
  #ring: Run[] = [];
  #preemptions = 0;

  constructor(caches: Caches, { maxWaiting, batchInvariant, maxPauseMs, ahead }: SchedulerOptions) {
    this.#caches = caches;
    this.#batchInvariant = batchInvariant;
    this.#ahead = ahead;
    this.#waiting = new WaitingQueue(maxWaiting);
    this.#pace = new Pace(maxPauseMs);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#running().length;
  }

  /** How often a sequence gave up its slots. */
  get preemptions(): number {
    return this.#preemptions;
  }

  /** Queues the candidates of one request. Throws QUEUE_FULL. */
  add(sequences: readonly Sequence[]): void {
    this.#waiting.add(sequences);
  }

  /** Retires what has ended, admits what fits, and plans the next run; undefined when there is nothing to do. */
  schedule(): StepPlan | undefined {
    this.#retire();
    this.#admit();
    const ready = this.#ring.filter((run) => this.#sequencesOf(run).length > 0);
    const fresh = this.#running().find((sequence) => sequence.status === 'prefill');
    if (fresh !== undefined && (ready.length === 0 || this.#pace.allows)) return { type: 'prefill', sequence: fresh, firstSlot: this.#firstSlot(fresh) };
    const [run] = ready;
    if (run === undefined) return undefined;
    const together = this.#together(run, ready);
    this.#ring = [...this.#ring.filter((other) => !together.includes(other)), ...together];
    this.#pace.stepped(ready.length, together.length);
    return this.#plan(run, together);
  }

  /** Tells how long a planned step took, ms. */
  ran(plan: StepPlan, ms: number): void {
    if (plan.type === 'prefill') this.#pace.prefilled(ms);
  }

  /** Every slot, staged row and turn owned by a live sequence, in the order that the shared batch relies on. Throws otherwise. */
  checkIntegrity(): void {
    const { slots, staged, prefixes } = this.#caches;
    slots.checkIntegrity();
    prefixes.checkIntegrity();
    const turns = new Set(this.#ring);
    if (turns.size !== this.#ring.length) throw new Error('scheduler: a run has two turns');
    if (turns.has('shared') !== slots.table.owners('shared').length > 0) throw new Error('scheduler: the shared batch and its turn disagree');
    const alone = slots.table.owners('private');
    const expected = alone.length + (turns.has('shared') ? 1 : 0);
    if (expected !== turns.size || alone.some((sequence) => !turns.has(sequence))) throw new Error('scheduler: a turn without an owner');
    const live = new Set([...this.#running(), ...this.#waiting.sequences]);
    if (staged.owners.some((sequence) => !live.has(sequence))) throw new Error('scheduler: rows are staged for nobody');
    const shared = slots.table.owners('shared').filter((sequence) => !sequence.ended);
    const unfilled = shared.findIndex((sequence) => sequence.status === 'prefill');
    if (unfilled >= 0 && shared.slice(unfilled).some((sequence) => sequence.status === 'decode')) throw new Error('scheduler: a sequence overtook another in the shared batch');
  }

  #running(): Sequence[] {
    const { table } = this.#caches.slots;
    return [...table.owners('shared'), ...table.owners('private')];
  }

  #retire(): void {
    this.#waiting.sweep((sequence) => sequence.ended);
    for (const sequence of this.#running()) if (sequence.ended) this.#release(sequence);
    for (const sequence of this.#caches.staged.owners) if (sequence.ended) this.#caches.staged.drop(sequence);
  }

  #release(sequence: Sequence): void {
    const { slots } = this.#caches;
    slots.release(sequence);
    const sharing = slots.table.used('shared') > 0;
    this.#ring = this.#ring.filter((run) => run !== sequence && (run !== 'shared' || sharing));
  }

  /** Who is next does not fit: nobody overtakes, however small. */
  #admit(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const side: Side = this.#ahead?.takes(next) === true || (next.input.sampling.deterministic && !this.#batchInvariant) ? 'private' : 'shared';
      if (!this.#makeRoom(next)) return;
      if (!this.#caches.slots.claim(next, next.rows, side)) throw new Error('scheduler: the room that was made is not free');
      this.#waiting.take(next);
      next.status = 'prefill';
      const run = side === 'private' ? next : 'shared';
      if (!this.#ring.includes(run)) this.#ring.push(run);
    }
  }

  #next(): Sequence | undefined {
    if (this.#waiting.length === 0) return undefined;
    const running = this.#running();
    const rows = rowsByOwner(running);
    return this.#waiting.next({ rowsOf: (owner) => rows.get(owner) ?? 0, held: (sequence) => this.#isComing(sequence, running) });
  }

  /** What the sequence is given is being computed by another: it waits for a copy instead of computing it again. */
  #isComing(sequence: Sequence, running: readonly Sequence[]): boolean {
    const { prefixes } = this.#caches;
    if (sequence.lead === 0 || sequence.done > 0) return false;
    return running.some((other) => !other.ended && other.done < other.lead && prefixes.sameLead(sequence, other)) && !prefixes.hasLead(sequence);
  }

  #makeRoom(next: Sequence): boolean {
    const { slots } = this.#caches;
    const missing = next.rows - slots.table.free;
    if (missing <= 0) return true;
    const preempted = choosePreempted(next, missing, this.#running());
    for (const sequence of preempted) this.#preempt(sequence);
    return preempted.length > 0;
  }

  /** The sequence waits again, its cache kept. */
  #preempt(sequence: Sequence): void {
    const { slots, staged } = this.#caches;
    if (sequence.status === 'decode') {
      const first = this.#firstSlot(sequence);
      staged.add(sequence, sequence.input.prefixes.map((_, row) => slots.read(first + row, sequence.cacheLength(row))));
    }
    this.#release(sequence);
    sequence.status = 'waiting';
    this.#waiting.putBack(sequence);
    this.#preemptions += 1;
  }

  /** Those of a run that take part in its next step. In the shared batch they lie before all that are not filled yet. */
  #sequencesOf(run: Run): Sequence[] {
    const sequences = run === 'shared' ? this.#caches.slots.table.owners('shared') : [run];
    return sequences.filter((sequence) => sequence.status === 'decode');
  }

  /**
   * `run`, and those of `ready` that go with it, in turn order: the others of which several positions are drawn. When they do not fit into one run they are spread
   * evenly over as few as it takes, so that nobody waits for two full ones: nine clips go five and four.
   */
  #together(run: Run, ready: readonly Run[]): readonly Run[] {
    const ahead = this.#ahead;
    if (run === 'shared' || ahead?.takes(run) !== true || !this.#sharesAhead(run, ahead)) return [run];
    const sharing = ready.filter((other) => other !== 'shared' && ahead.takes(other) && this.#sharesAhead(other, ahead)) as Sequence[];
    const all = sharing.reduce((sum, { rows }) => sum + rows, 0);
    const widest = Math.max(...sharing.map(({ rows }) => rows));
    // A pair of rows is not taken apart.
    const most = Math.min(ahead.rows, Math.ceil(all / Math.ceil(all / ahead.rows)) + widest - 1);
    const taken: Sequence[] = [];
    let rows = 0;
    for (const sequence of sharing) {
      if (sequence !== run && rows + sequence.rows > most) continue;
      taken.push(sequence);
      rows += sequence.rows;
    }
    return taken;
  }

  #sharesAhead({ input }: Sequence, { invariant }: AheadOptions): boolean {
    return invariant || !input.sampling.deterministic;
  }

  #plan(run: Run, together: readonly Run[]): StepPlan {
    if (run !== 'shared' && this.#ahead?.takes(run) === true) {
      return { type: 'ahead', turns: together.flatMap((other) => (other === 'shared' ? [] : [{ sequence: other, firstSlot: this.#firstSlot(other) }])) };
    }
    const sequences = this.#sequencesOf(run);
    const rows = sequences.reduce((total, sequence) => total + sequence.rows, 0);
    if (run !== 'shared') return { type: 'decode', sequences, firstSlot: this.#firstSlot(run), rows };
    // The slot after the shared rows is the spare one, free, or of a sequence that is yet to be filled.
    return { type: 'decode', sequences, firstSlot: 0, rows: this.#batchInvariant ? pairedRows(rows) : rows };
  }

  #firstSlot(sequence: Sequence): number {
    const slot = this.#caches.slots.table.firstSlot(sequence);
    if (slot === undefined) throw new Error('scheduler: a running sequence owns no slots');
    return slot;
  }
}
