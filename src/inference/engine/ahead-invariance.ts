/**
 * Proves or refutes, at start, that what a window of positions predicts does not depend on the windows that share its run: the same bits as alone, in whichever run. As with steps
 * (batch-invariance.ts) the shapes decide which kernel computes a row, never the values. Where it does not hold, deterministic clips run alone.
 */
import type { PrefixCache } from '../core/cache-view.ts';
import type { Manifest } from '../core/manifest.ts';
import type { StepInput } from '../core/step-input.ts';
import { KvCache } from '../kv-cache/kv-cache.ts';
import type { DecodeOutput, LanguageModel } from '../models/language-model.ts';
import { CounterRandom } from '../sampling/philox.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { randomEntries, randomTokens, sameBits } from './random-rows.ts';

/** Every remainder by the rows of a kernel's tile, and the longest. */
const SHORTEST = 12;
const LONGEST = 4;
const MAX_LENGTH = 48;

interface Probe {
  readonly input: StepInput;
  readonly count: number;
  /** What its row holds before it. */
  readonly before: PrefixCache;
}

/** Whether windows of up to `positions` positions get the bits that they get alone. */
export async function findAheadInvariance(manifest: Manifest, model: LanguageModel, positions: number): Promise<boolean> {
  if (!model.runsAhead || model.rowsAhead === 1) return true;
  const { maxLength } = manifest.languageModel;
  const cache = new KvCache<never>({ slots: model.rowsAhead, ...model.rowShape });
  const random = new CounterRandom(2, 0);
  const layout = new TokenLayout(manifest);
  const most = Math.min(positions, maxLength - 1);
  const counts = Array.from({ length: most }, (_, i) => i + 1).filter((count) => count <= SHORTEST || count > most - LONGEST);
  const probes = counts.map((count, row): Probe => ({
    input: randomTokens(manifest, layout, random, row, count),
    count,
    before: randomEntries(cache.shape, Math.floor(random.uniform(row, 1500) * Math.min(MAX_LENGTH, maxLength - count)), random, row),
  }));
  // Slot after slot: what a window gets must not depend on its place either.
  const alone = new Map<Probe, DecodeOutput>();
  for (const [i, probe] of probes.entries()) alone.set(probe, await runTogether(model, cache, layout, [probe], i % model.rowsAhead));
  for (const group of groupsOf(probes, model.rowsAhead)) {
    const shared = await runTogether(model, cache, layout, group);
    let first = 0;
    for (const probe of group) {
      const { count } = probe;
      const cut = (all: Float32Array, width: number): Float32Array => all.subarray(first * width, (first + count) * width);
      const found = [cut(shared.logits, model.config.outputSize), cut(shared.hidden, model.config.width)];
      const expected = alone.get(probe) as DecodeOutput;
      if (!sameBits(found, [expected.logits, expected.hidden])) return false;
      first += count;
    }
  }
  return true;
}

/** Full runs of similar windows and of different ones, and pairs. */
function groupsOf(probes: readonly Probe[], rows: number): readonly (readonly Probe[])[] {
  const runs = Math.ceil(probes.length / rows);
  const cut = (size: number): (readonly Probe[])[] => Array.from({ length: Math.ceil(probes.length / size) }, (_, i) => probes.slice(i * size, (i + 1) * size));
  const mixed = Array.from({ length: runs }, (_, run) => probes.filter((_probe, i) => i % runs === run));
  return [...cut(rows), ...mixed, ...cut(2)].filter((group) => group.length > 1);
}

/** One run of the windows in the slots from `firstSlot` on. */
async function runTogether(model: LanguageModel, cache: KvCache<never>, layout: TokenLayout, probes: readonly Probe[], firstSlot = 0): Promise<DecodeOutput> {
  probes.forEach(({ before }, i) => cache.write(firstSlot + i, before));
  return await model.ahead(
    layout.join(...probes.map(({ input }) => input)),
    probes.map(({ count, before }, i) => ({ count, length: before.length, cache: cache.view(firstSlot + i, 1) })),
  );
}
