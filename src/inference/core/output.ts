import type { StepInput } from './step-input.ts';

/** What a sequence makes, code by code. Mutated by the sequence alone. */
export interface Output {
  /** Which head draws its codes. */
  readonly kind: 'video' | 'audio' | 'text';
  /** Positions at most. */
  readonly total: number;
  /** A code per position that is given, `UNKNOWN` where one is drawn; those behind its end are drawn. Default: all are. */
  readonly forced?: Int32Array | undefined;
  /** What the model sees beside its own output, if anything: a code per position, `UNKNOWN` where none is known. */
  readonly condition?: Int32Array | undefined;
  /** The codes so far, as the implementation lays them out. */
  readonly codes: Int32Array;
  /** Describes a position, before which all codes are there, in row `row` of `input`. */
  describe(position: number, input: StepInput, row: number): void;
  /** Takes the code of a position. True: nothing comes after it. */
  take(position: number, code: number): boolean;
}
