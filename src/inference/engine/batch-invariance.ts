/**
 * Proves or refutes, at start, that a row's result does not depend on the rows beside it: the same bits in a pair as in every batch.
 *
 * Which kernel computes a row, and in which order it adds, is fixed by the shape of the step, the row's place in it and the row's length,
 * never by the values. So random values show a dependence almost surely, and each batch size at two placements covers the shapes that
 * the engine runs (pairs of rows, see `pairedRows`). Where this holds, deterministic sequences join the shared batch at no cost; where it does not (another library,
 * processor or provider), they step alone. The head is a graph of its own and far cheaper: where only it depends on its batch (a reduction
 * that begins where memory is aligned is enough), it runs for each deterministic sequence by itself.
 */
import { openSlots } from '../kv-cache/caches.ts';
import type { Slots } from '../kv-cache/slots.ts';
import type { Manifest } from '../core/manifest.ts';
import type { StepInput } from '../core/step-input.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { CounterRandom } from '../sampling/philox.ts';
import { MIN_SHARED_ROWS, pairedRows } from '../scheduler/scheduler.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { randomEntries, randomTokens, sameBits } from './random-rows.ts';

interface Probe {
  /** One row. */
  readonly input: StepInput;
  readonly length: number;
}

/** What one row got. */
interface RowResult {
  /** Logits and hidden. */
  readonly step: readonly Float32Array[];
  /** Logits of sub-token b, of audio codes, of text. */
  readonly head: readonly Float32Array[];
}

export interface Invariance {
  /** Of the decode graph: deterministic sequences may share a step with others. */
  readonly batchInvariant: boolean;
  /** Of all heads. */
  readonly headInvariant: boolean;
}

/** Whether every batch of pairs up to `most` rows gives each row the bits that it gets in a pair alone. Takes `2 * most` steps or less. */
export async function findInvariance(manifest: Manifest, model: LanguageModel, most: number): Promise<Invariance> {
  const maxRows = pairedRows(most);
  const shape = { slots: maxRows, ...model.rowShape };
  const cache = openSlots<string>(shape, model.deviceRows(maxRows));
  const random = new CounterRandom(1, 0);
  const layout = new TokenLayout(manifest);
  const probes = Array.from({ length: maxRows }, (_, row): Probe => ({ input: randomTokens(manifest, layout, random, row), length: 1 + Math.floor(random.uniform(row, 1500) * (shape.maxLength - 2)) }));
  probes.forEach((probe, row) => cache.write(row, randomEntries(shape, probe.length, random, row)));
  try {
    return await compare(model, cache, layout, probes);
  } finally {
    await cache.close();
  }
}

async function compare(model: LanguageModel, cache: Slots<string>, layout: TokenLayout, probes: readonly Probe[]): Promise<Invariance> {
  const maxRows = probes.length;
  const reference = await rowsInPairs(model, cache, layout, probes);
  let headInvariant = true;
  for (let rows = 2 * MIN_SHARED_ROWS; rows <= maxRows; rows += MIN_SHARED_ROWS) {
    // Rows from the front and rows from the back stand at different places of the batch.
    for (const first of new Set([0, maxRows - rows])) {
      const found = await runRows(model, cache, layout, probes, first, rows);
      const differs = (part: keyof RowResult): boolean => found.some((row, i) => !sameBits(row[part], (reference[first + i] as RowResult)[part]));
      if (differs('step')) return { batchInvariant: false, headInvariant: false };
      headInvariant &&= !differs('head');
    }
  }
  return { batchInvariant: true, headInvariant };
}

async function rowsInPairs(model: LanguageModel, cache: Slots<string>, layout: TokenLayout, probes: readonly Probe[]): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (let row = 0; row < probes.length; row += MIN_SHARED_ROWS) {
    results.push(...(await runRows(model, cache, layout, probes, row, MIN_SHARED_ROWS)));
  }
  return results;
}

/** One step of the slots `[first, first + rows)`. It rewrites the same cache entries each time, with the same values. */
async function runRows(model: LanguageModel, cache: Slots<string>, layout: TokenLayout, probes: readonly Probe[], first: number, rows: number): Promise<RowResult[]> {
  const taken = probes.slice(first, first + rows);
  const input = layout.join(...taken.map((probe) => probe.input));
  const { logits, hidden } = await model.decode(input, Int32Array.from(taken, (probe) => probe.length), cache.view(first, rows));
  const heads = [await model.head(hidden, new BigInt64Array(rows))];
  if (model.config.audioHead !== undefined) heads.push(await model.audioHead(hidden, new BigInt64Array(rows)));
  if (model.config.textHead !== undefined) heads.push(await model.textHead(hidden));
  const cut = (all: Float32Array, row: number): Float32Array => all.slice((row * all.length) / rows, ((row + 1) * all.length) / rows);
  return taken.map((_, row) => ({ step: [cut(logits, row), cut(hidden, row)], head: heads.map((head) => cut(head, row)) }));
}
