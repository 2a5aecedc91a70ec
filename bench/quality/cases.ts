/** The files between the steps of bench/quality: `cases.json` from training/cinegraph_training/quality_cases.py, `results.json` for quality_read.py. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { AssetKind } from '../../src/client/index.ts';

const source = z.object({
  /** Where the asset's id belongs in the input. */
  field: z.array(z.string()).min(1),
  kind: z.enum(['IMAGE', 'MASK', 'VIDEO', 'AUDIO']),
  /** Below the work folder: `.npy` for a clip. */
  file: z.string(),
  /** True: the clip is also encoded as the program does it, and decoded again, to know what that alone costs. */
  roundTrip: z.boolean(),
});
export type CaseSource = z.infer<typeof source>;

const qualityCase = z.object({ id: z.string(), task: z.string(), mutation: z.string(), input: z.record(z.string(), z.unknown()), sources: z.array(source) });
export type QualityCase = z.infer<typeof qualityCase>;

/** What came of one case. */
export interface CaseResult {
  /** Null: it succeeded. */
  readonly error: string | null;
  readonly warnings: readonly string[];
  readonly outputs: readonly CaseOutput[];
  /** Files of the sources that went round through the program's own encoder. */
  readonly roundTrips: readonly string[];
  readonly seconds: number;
}

export interface CaseOutput {
  readonly kind: AssetKind;
  /** The decoded frames or samples, below the work folder; null for a text. */
  readonly file: string | null;
  /** Samples of a clip's sound track; null: it has none. */
  readonly sound: string | null;
  readonly text: string | null;
  readonly durationMs: number | null;
  /** Number of the shot of a film; null: no shot. */
  readonly shot: number | null;
}

export async function readCases(work: string): Promise<QualityCase[]> {
  const stored = z.object({ cases: z.array(qualityCase) }).parse(JSON.parse(await readFile(path.join(work, 'cases.json'), 'utf8')));
  return stored.cases;
}
