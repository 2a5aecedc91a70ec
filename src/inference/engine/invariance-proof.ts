/**
 * The proofs that deterministic sequences may share steps and runs with others. What they find depends on the kernels alone: on the bundle, the library, the processor and
 * the shapes. So it is kept, and proven again only when one of these is another.
 */
import { z } from 'zod';
import { keep, readKept, type KeptFile } from '../core/kept-file.ts';
import type { Manifest } from '../core/manifest.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { findAheadInvariance } from './ahead-invariance.ts';
import { findInvariance, type Invariance } from './batch-invariance.ts';
import type { PrecisionChoice } from './precision-choice.ts';

export interface InvarianceProof extends Invariance {
  /** Of runs of several positions. */
  readonly aheadInvariant: boolean;
}

export interface ProofOptions {
  readonly maxRows: number;
  readonly positionsPerRun: number;
  /** Without one it is proven at each start. */
  readonly kept: KeptFile | undefined;
}

/** To be raised when the engine runs the graphs in another way: what was proven of the old one holds no more. */
const REVISION = 1;

const schema = z.object({ batchInvariant: z.boolean(), headInvariant: z.boolean(), aheadInvariant: z.boolean() });

/** The model runs in the precisions of `choice`, which are part of what the proof holds for. `known`: it was not proven at this start. */
export async function proveInvariance(manifest: Manifest, model: LanguageModel, { plan, invariance }: PrecisionChoice, { maxRows, positionsPerRun, kept }: ProofOptions): Promise<InvarianceProof & { readonly known: boolean }> {
  const file = kept === undefined ? undefined : { ...kept, holdsFor: `${kept.holdsFor}, revision ${REVISION}, ${maxRows} rows, ${positionsPerRun} positions, ${plan.deterministic} and ${plan.free.join(' ')}` };
  const known = file === undefined ? undefined : await readKept(file, schema);
  if (known !== undefined) return { ...known, known: true };
  const found = { ...(invariance ?? (await findInvariance(manifest, model, maxRows))), aheadInvariant: await findAheadInvariance(manifest, model, positionsPerRun) };
  if (file !== undefined) await keep(file, found);
  return { ...found, known: false };
}
