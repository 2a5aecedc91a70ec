/** One clip being generated: its prefixes, its codes so far, and where it stands. */
import { UNKNOWN, type SamplingParams } from './generation.ts';
import type { TaskSpec } from './task-spec.ts';

export type SequenceStatus =
  /** Waits for cache slots; for the first time, or because it gave up its own. */
  | 'waiting'
  /** Owns slots, its prefix (and what it had made) is not in them yet. */
  | 'prefill'
  /** Owns slots and takes part in steps. */
  | 'decode'
  | 'finished'
  | 'canceled'
  | 'failed';

export interface SequenceInput {
  readonly requestId: string;
  /** Whom it is for: owners share the cache fairly. Default: the request. */
  readonly owner?: string;
  readonly candidate: number;
  readonly seed: number;
  readonly spec: TaskSpec;
  readonly sampling: SamplingParams;
  /** Row ids, conditional first; the second, unconditional one exists under guidance only. */
  readonly prefixes: readonly (readonly number[])[];
  /** Position of the clip at which this sequence begins: a position draws the same random number in whichever window it lies. Default 0. */
  readonly firstPosition?: number;
  /** A code `a * B + b` per position that is given, `UNKNOWN` where one is drawn. Default: all are drawn. */
  readonly forced?: Int32Array;
  /** What the model sees beside its own output: a code per position, `UNKNOWN` where none is known. Default: nothing is. */
  readonly condition?: Int32Array;
}

export class Sequence {
  readonly input: SequenceInput;
  /** `[positions, 2]`, sub-tokens a and b; the first `done` positions are valid. */
  readonly codes: Int32Array;
  /** Positions at the beginning that are given, without a gap. */
  readonly lead: number;
  /** Positions generated. */
  done = 0;
  status: SequenceStatus = 'waiting';
  /** Set with status `failed`. */
  failure: unknown = undefined;

  constructor(input: SequenceInput) {
    this.input = input;
    this.codes = new Int32Array(input.spec.positions * 2);
    const { forced = new Int32Array() } = input;
    const drawn = forced.indexOf(UNKNOWN);
    this.lead = drawn < 0 ? forced.length : drawn;
  }

  get owner(): string {
    return this.input.owner ?? this.input.requestId;
  }

  /** Batch rows and cache slots that this sequence needs: one, or two under classifier-free guidance. */
  get rows(): number {
    return this.input.prefixes.length;
  }

  get total(): number {
    return this.input.spec.positions;
  }

  get ended(): boolean {
    return this.status === 'finished' || this.status === 'canceled' || this.status === 'failed';
  }

  /** Valid cache entries of one of its rows before the next step. */
  cacheLength(row: number): number {
    return (this.input.prefixes[row]?.length ?? 0) + this.done;
  }

  /** The given code of the next position, if it is not to be drawn. */
  get nextForced(): number | undefined {
    return this.forcedAt(this.done);
  }

  forcedAt(position: number): number | undefined {
    const code = this.input.forced?.[position] ?? UNKNOWN;
    return code === UNKNOWN ? undefined : code;
  }

  /** Appends the code of the next position. */
  append(a: number, b: number): void {
    this.codes[2 * this.done] = a;
    this.codes[2 * this.done + 1] = b;
    this.done += 1;
  }
}
