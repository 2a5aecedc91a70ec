/**
 * Chooses, by measuring it, in which precision the decode graph runs on this machine: per batch size where results may differ by rounding, and one that
 * is batch invariant for deterministic sequences. What was found is kept on disk, so that a seed draws the same clip after a restart and a start does not
 * measure again.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { PRECISIONS, type Manifest, type Precision } from '../core/manifest.ts';
import { KvCache } from '../kv-cache/kv-cache.ts';
import type { LanguageModel, PrecisionPlan } from '../models/language-model.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';
import { findInvariance, type Invariance } from './batch-invariance.ts';

/** ms per step of one precision, one entry per measured batch size. */
export type StepTimes = ReadonlyMap<Precision, readonly number[]>;

export interface PrecisionChoice extends Invariance {
  readonly plan: PrecisionPlan;
}

/** Where a choice is kept, and what it holds for: another bundle, device or thread count chooses anew. */
export interface KeptChoice {
  readonly file: string;
  readonly holdsFor: string;
}

/** A precision must be this much faster than fp32 to be worth its rounding. */
const WORTH = 0.95;
const ROUNDS = 6;
const STEPS_PER_ROUND = 3;
const FILLED = 0.6; // of the cache, while measuring

const keptSchema = z.object({
  holdsFor: z.string(),
  plan: z.object({ deterministic: z.enum(PRECISIONS), free: z.array(z.enum(PRECISIONS)).nonempty() }),
});

const REFERENCE: PrecisionPlan = { deterministic: 'fp32', free: ['fp32'] };

/**
 * Puts the model into the precisions that suit the machine, and says whether deterministic sequences may share its steps. A choice that cannot be
 * kept is not made: the next start might find another one faster, and the same seed would draw another clip.
 */
export async function choosePrecisions(manifest: Manifest, model: LanguageModel, maxRows: number, kept?: KeptChoice): Promise<PrecisionChoice> {
  const tried = async (plan: PrecisionPlan): Promise<PrecisionChoice> => {
    model.use(plan);
    return { plan, ...(await findInvariance(manifest, model, maxRows)) };
  };
  if (kept === undefined || model.precisions.length === 1) return await tried(REFERENCE);
  const known = await readKept(kept);
  if (known !== undefined && [known.deterministic, ...known.free].every((precision) => model.precisions.includes(precision))) return await tried(known);
  const choice = await measureAndChoose(manifest, model, maxRows, tried);
  return (await keep(kept, choice.plan)) ? choice : await tried(REFERENCE);
}

async function measureAndChoose(manifest: Manifest, model: LanguageModel, maxRows: number, tried: (plan: PrecisionPlan) => Promise<PrecisionChoice>): Promise<PrecisionChoice> {
  const sizes = batchSizes(maxRows);
  const times = await measureSteps(manifest, model, sizes);
  const free = fastestPerRows(times, sizes);
  for (const deterministic of byTotalTime(times)) {
    const choice = await tried({ deterministic, free });
    if (choice.batchInvariant) return choice;
  }
  // Deterministic sequences step alone then, whatever the precision.
  return await tried({ deterministic: 'fp32', free });
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

/** Undefined when there is none, it holds for something else, or the file is damaged: then it is measured anew. */
async function readKept({ file, holdsFor }: KeptChoice): Promise<PrecisionPlan | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = keptSchema.safeParse(parseJson(text));
  return parsed.success && parsed.data.holdsFor === holdsFor ? parsed.data.plan : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Written beside and moved: two processes that start at once leave one whole file. False when the folder cannot be written to. */
async function keep({ file, holdsFor }: KeptChoice, plan: PrecisionPlan): Promise<boolean> {
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(draft, `${JSON.stringify({ holdsFor, plan }, undefined, 2)}\n`);
    await rename(draft, file);
    return true;
  } catch {
    return false;
  }
}
