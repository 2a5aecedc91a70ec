/** One clip, sound or text being generated: its prefixes, its codes so far, and where it stands. */
import { UNKNOWN, type SamplingParams } from './generation.ts';
import type { Output } from './output.ts';
import type { Prefix } from './step-input.ts';

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
  readonly sampling: SamplingParams;
  /** Conditional first; the second, unconditional one exists under guidance only. */
  readonly prefixes: readonly Prefix[];
  readonly output: Output;
  /** Position of the whole at which this sequence begins: a position draws the same random number in whichever window it lies. Default 0. */
  readonly firstPosition?: number;
}

export class Sequence {
  readonly input: SequenceInput;
  /** Positions at the beginning that are given, without a gap. */
  readonly lead: number;
  /** Positions generated. */
  done = 0;
  /** Positions whose codes are there, those from `done` on as guesses (engine/jacobi-decoder.ts). They stay with a sequence that gives up its slots. */
  guessed = 0;
  status: SequenceStatus = 'waiting';
  /** Set with status `failed`. */
  failure: unknown = undefined;

  constructor(input: SequenceInput) {
    this.input = input;
    const { forced = new Int32Array() } = input.output;
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

  /** The most positions that it can have. */
  get total(): number {
    return this.input.output.total;
  }

  /** See {@link Output.codes}. */
  get codes(): Int32Array {
    return this.input.output.codes;
  }

  get ended(): boolean {
    return this.status === 'finished' || this.status === 'canceled' || this.status === 'failed';
  }

  /** Valid cache entries of one of its rows before the next step. */
  cacheLength(row: number): number {
    return (this.input.prefixes[row]?.length ?? 0) + this.done;
  }

  /** The given code of the next position, if it is not to be drawn. */
  get nextGiven(): number | undefined {
    return this.givenAt(this.done);
  }

  givenAt(position: number): number | undefined {
    const code = this.input.output.forced?.[position] ?? UNKNOWN;
    return code === UNKNOWN ? undefined : code;
  }

  /** Appends the code of the next position. True when it was the last. */
  append(code: number): boolean {
    const last = this.input.output.take(this.done, code);
    this.done += 1;
    return last || this.done === this.total;
  }
}
