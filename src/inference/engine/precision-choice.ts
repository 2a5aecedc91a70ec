/**
 * Chooses, by measuring it, in which precision the decode graph runs on this machine: per batch size where results may differ by rounding, and one that
 * is batch invariant for deterministic sequences. The choice is kept on disk, so that a seed draws the same clip after a restart and a start does not
 * measure again.
 */
import { z } from 'zod';
import { keep, readKept, type KeptFile } from '../core/kept-file.ts';
import { PRECISIONS, type Manifest, type Precision } from '../core/manifest.ts';
import { KvCache } from '../kv-cache/kv-cache.ts';
import type { LanguageModel, PrecisionPlan } from '../models/language-model.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';
import { findInvariance, type Invariance } from './batch-invariance.ts';

/** ms per step of one precision, one entry per measured batch size. */
export type StepTimes = ReadonlyMap<Precision, readonly number[]>;

export interface PrecisionChoice {
  readonly plan: PrecisionPlan;
  /** Of this plan, where it was found while choosing. */
  readonly invariance: Invariance | undefined;
}

/** A precision must be this much faster than fp32 to be worth its rounding. */
const WORTH = 0.95;
const ROUNDS = 3;
const STEPS_PER_ROUND = 3;
const FILLED = 0.6; // of the cache, while measuring

const keptSchema = z.object({ plan: z.object({ deterministic: z.enum(PRECISIONS), free: z.array(z.enum(PRECISIONS)).nonempty() }) });

const REFERENCE: PrecisionPlan = { deterministic: 'fp32', free: ['fp32'] };

/**
 * Puts the model into the precisions that suit the machine. A choice that cannot be kept is not made: the next start might find another one faster, and the same seed
 * would draw another clip. `kept`: where it is kept; a plan that is there already is taken as it is.
 */
export async function choosePrecisions(manifest: Manifest, model: LanguageModel, maxRows: number, kept?: KeptFile): Promise<PrecisionChoice> {
  const take = (plan: PrecisionPlan): PrecisionChoice => {
    model.use(plan);
    return { plan, invariance: undefined };
  };
  if (kept === undefined || model.precisions.length === 1) return take(REFERENCE);
  const known = await readKept(kept, keptSchema);
  if (known !== undefined && [known.plan.deterministic, ...known.plan.free].every((precision) => model.precisions.includes(precision))) return take(known.plan);
  const choice = await measureAndChoose(manifest, model, maxRows);
  return (await keep(kept, { plan: choice.plan })) ? choice : take(REFERENCE);
}

async function measureAndChoose(manifest: Manifest, model: LanguageModel, maxRows: number): Promise<PrecisionChoice> {
  const sizes = batchSizes(maxRows);
  const times = await measureSteps(manifest, model, sizes);
  const free = fastestPerRows(times, sizes);
  const tried = async (deterministic: Precision): Promise<PrecisionChoice & { readonly invariance: Invariance }> => {
    const plan = { deterministic, free };
    model.use(plan);
    return { plan, invariance: await findInvariance(manifest, model, maxRows) };
  };
  for (const deterministic of byTotalTime(times)) {
    const choice = await tried(deterministic);
    if (choice.invariance.batchInvariant) return choice;
  }
  // Deterministic sequences step alone then, whatever the precision.
  return await tried('fp32');
}

/** 1, 2, 4, ... and `maxRows` itself. */
export function batchSizes(maxRows: number): number[] {
  const sizes = [];
  for (let rows = 1; rows < maxRows; rows *= 2) sizes.push(rows);
  return [...sizes, maxRows];
}

/** The fastest precision for each number of rows up to the largest size, that of the nearest measured size not below it. */
export function fastestPerRows(times: StepTimes, sizes: readonly number[]): Precision[] {
  const fastest = sizes.map((_, column) => {
    const limit = WORTH * (times.get('fp32')?.[column] ?? 0);
    const better = [...times].filter(([precision, ms]) => precision !== 'fp32' && (ms[column] as number) < limit);
    return better.toSorted((a, b) => (a[1][column] as number) - (b[1][column] as number))[0]?.[0] ?? 'fp32';
  });
  return Array.from({ length: sizes.at(-1) ?? 1 }, (_, row) => fastest[sizes.findIndex((size) => size >= row + 1)] as Precision);
}

/** Precisions that are faster than fp32 over all batch sizes of two rows and more, the fastest first, then fp32. */
export function byTotalTime(times: StepTimes): Precision[] {
  const reference = times.get('fp32') ?? [];
  const relative = (ms: readonly number[]): number => ms.slice(1).reduce((sum, value, i) => sum + value / (reference[i + 1] as number), 0) / (ms.length - 1);
  const better = [...times].filter(([precision, ms]) => precision !== 'fp32' && relative(ms) < WORTH);
  return [...better.toSorted((a, b) => relative(a[1]) - relative(b[1])).map(([precision]) => precision), 'fp32'];
}

/** The least time of a step in each precision at each batch size; the precisions take turns, so that a busy moment meets all. */
async function measureSteps(manifest: Manifest, model: LanguageModel, sizes: readonly number[]): Promise<StepTimes> {
  const { maxLength } = manifest.languageModel;
  const largest = sizes.at(-1) ?? 1;
  const cache = new KvCache<string>({ slots: largest, ...model.rowShape });
  const grid = new VideoGrid(manifest);
  const layout = new TokenLayout(manifest);
  const times = new Map<Precision, number[]>(model.precisions.map((precision) => [precision, sizes.map(() => Infinity)]));
  for (const [column, rows] of sizes.entries()) {
    const input = layout.empty(rows);
    for (let row = 0; row < rows; row += 1) grid.write({ codes: new Int32Array(2) }, 0, input, row);
    const lengths = new Int32Array(rows).fill(Math.floor(FILLED * maxLength));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [precision, found] of times) {
        model.use({ deterministic: precision, free: [precision] });
        for (let step = 0; step < STEPS_PER_ROUND; step += 1) {
          const at = performance.now();
          await model.decode(input, lengths, cache.view(0, rows));
          found[column] = Math.min(found[column] as number, performance.now() - at);
        }
      }
    }
  }
  return times;
}
