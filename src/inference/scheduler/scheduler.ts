/**
 * Decides what the next step runs (continuous batching, Yu et al., "Orca", OSDI 2022). Sequences join and leave between steps.
 * Prefills go first. Then the runs take turns: the shared batch, and each sequence that must step alone.
 *
 * A deterministic sequence gets the same bits whatever runs beside it. On a machine whose kernels are batch invariant
 * (engine/batch-invariance.ts) it may share, as long as a shared step never has a row without another; elsewhere it steps alone, always in the same shape.
 */
import type { Sequence } from '../core/sequence.ts';
import type { KvCache } from '../kv-cache/kv-cache.ts';
import type { Side } from '../kv-cache/slot-table.ts';
import { WaitingQueue } from './waiting-queue.ts';

export type StepPlan =
  | { readonly type: 'prefill'; readonly sequence: Sequence; readonly firstSlot: number }
  /** The sequences' rows lie in this order in the slots from `firstSlot` on; rows after theirs are padding, in a free slot. */
  | { readonly type: 'decode'; readonly sequences: readonly Sequence[]; readonly firstSlot: number; readonly rows: number };

type Run = 'shared' | Sequence;

export interface SchedulerOptions {
  /** Sequences that may wait for slots. */
  readonly maxWaiting: number;
  readonly batchInvariant: boolean;
}

/** A shared step on a batch-invariant machine has pairs of rows: a row without another takes another kernel (matrix times vector, or the rest of a tile). */
export const MIN_SHARED_ROWS = 2;

/** `rows`, and the padding that makes pairs of them. */
export function pairedRows(rows: number): number {
  return Math.ceil(rows / MIN_SHARED_ROWS) * MIN_SHARED_ROWS;
}

export class Scheduler {
  readonly #cache: KvCache<Sequence>;
  readonly #waiting: WaitingQueue;
  readonly #batchInvariant: boolean;
  /** Runs in turn order; the first is next. */
  #ring: Run[] = [];

  constructor(cache: KvCache<Sequence>, { maxWaiting, batchInvariant }: SchedulerOptions) {
    this.#cache = cache;
    this.#batchInvariant = batchInvariant;
    this.#waiting = new WaitingQueue(maxWaiting);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#running().length;
  }

  /** Queues the candidates of one request. Throws QUEUE_FULL. */
  add(sequences: readonly Sequence[]): void {
    this.#waiting.add(sequences);
  }

  /** Retires what has ended, admits what fits, and plans the next run; undefined when there is nothing to do. */
  schedule(): StepPlan | undefined {
    this.#retire();
    this.#admit();
    const fresh = this.#running().find((sequence) => sequence.status === 'prefill');
    if (fresh !== undefined) return { type: 'prefill', sequence: fresh, firstSlot: this.#firstSlot(fresh) };
    const run = this.#ring.shift();
    if (run === undefined) return undefined;
    this.#ring.push(run);
    return this.#plan(run);
  }

  /** Every slot owned by a live sequence, every live sequence in one turn of the ring. Throws otherwise. */
  checkIntegrity(): void {
    this.#cache.checkIntegrity();
    const table = this.#cache.table;
    const turns = new Set(this.#ring);
    if (turns.size !== this.#ring.length) throw new Error('scheduler: a run has two turns');
    if (turns.has('shared') !== table.owners('shared').length > 0) throw new Error('scheduler: the shared batch and its turn disagree');
    const alone = table.owners('private');
    const expected = alone.length + (turns.has('shared') ? 1 : 0);
    if (expected !== turns.size || alone.some((sequence) => !turns.has(sequence))) throw new Error('scheduler: a turn without an owner');
  }

  #running(): Sequence[] {
    return [...this.#cache.table.owners('shared'), ...this.#cache.table.owners('private')];
  }

  #retire(): void {
    this.#waiting.sweep((sequence) => sequence.ended);
    for (const sequence of this.#running()) {
      if (!sequence.ended) continue;
      this.#cache.release(sequence);
      this.#ring = this.#ring.filter((run) => run !== sequence);
    }
    if (this.#cache.table.used('shared') === 0) this.#ring = this.#ring.filter((run) => run !== 'shared');
  }

  /** First come, first served: a sequence that does not fit is not overtaken by a smaller one. */
  #admit(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      const side: Side = next.input.sampling.deterministic && !this.#batchInvariant ? 'private' : 'shared';
      if (!this.#cache.claim(next, next.rows, side)) return;
      this.#waiting.take();
      next.status = 'prefill';
      if (side === 'private') this.#ring.push(next);
      else if (!this.#ring.includes('shared')) this.#ring.push('shared');
    }
  }

  #plan(run: Run): StepPlan {
    const sequences = run === 'shared' ? this.#cache.table.owners('shared') : [run];
    const rows = sequences.reduce((total, sequence) => total + sequence.rows, 0);
    if (run !== 'shared') return { type: 'decode', sequences, firstSlot: this.#firstSlot(run), rows };
    // Nothing is private on a batch-invariant machine, so the slot after the shared ones is free.
    return { type: 'decode', sequences, firstSlot: 0, rows: this.#batchInvariant ? pairedRows(rows) : rows };
  }

  #firstSlot(sequence: Sequence): number {
    const slot = this.#cache.table.firstSlot(sequence);
    if (slot === undefined) throw new Error('scheduler: a running sequence owns no slots');
    return slot;
  }
}
