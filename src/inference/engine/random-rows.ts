/** Rows of random numbers, for proofs that no result depends on the rows beside it. */
import type { PrefixCache } from '../core/cache-view.ts';
import type { Manifest } from '../core/manifest.ts';
import type { StepInput } from '../core/step-input.ts';
import type { CacheShape } from '../kv-cache/slots.ts';
import type { CounterRandom } from '../sampling/philox.ts';
import type { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';

/** `count` random positions of a clip of random codes; `row` is their stream of random numbers. */
export function randomTokens(manifest: Manifest, layout: TokenLayout, random: CounterRandom, row: number, count = 1): StepInput {
  const { video } = manifest;
  const positions = video.grid.reduce((product, extent) => product * extent, 1);
  const codes = Int32Array.from({ length: 2 * positions }, (_, i) => Math.floor(random.uniform(i, 1000 + row) * video.subCodebooks[i % 2 === 0 ? 0 : 1]));
  const grid = new VideoGrid(manifest);
  const condition = Int32Array.from({ length: positions }, (_, i) => Math.floor(random.uniform(i, 3000 + row) * grid.nullCode));
  const input = layout.empty(count);
  for (let i = 0; i < count; i += 1) grid.write({ codes, condition }, Math.floor(random.uniform(row, 2000 + i) * positions), input, i);
  return input;
}

/** A row's beginning of random entries; `row` is its stream of random numbers. */
export function randomEntries({ layers, kvHeads, headDim }: CacheShape, length: number, random: CounterRandom, row: number): PrefixCache {
  const side = (first: number): Float32Array[] =>
    Array.from({ length: layers }, (_, layer) => {
      const values = new Float32Array(kvHeads * length * headDim);
      fillRandom(values, random, 4000 + (2 * row + first) * layers + layer);
      return values;
    });
  return { length, keys: side(0), values: side(1) };
}

function fillRandom(values: Float32Array, random: CounterRandom, stream: number): void {
  // A cheap walk over a short random table: millions of Philox blocks would take longer than the proof.
  const table = Float32Array.from({ length: 1021 }, (_, i) => 2 * random.uniform(i, stream) - 1);
  for (let i = 0; i < values.length; i += 1) values[i] = table[(i + (i >> 10)) % 1021] as number;
}

export function sameBits(left: readonly Float32Array[], right: readonly Float32Array[]): boolean {
  return left.every((values, i) => values.every((value, j) => Object.is(value, right[i]?.[j])));
}
