import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../../src/inference/core/manifest.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import { VideoGrid } from '../../../../src/inference/tokenizers/video-grid.ts';
import { readFileSync } from 'node:fs';
import { TINY_BUNDLE } from '../../../support/inference.ts';

const manifest = parseManifest(readFileSync(`${TINY_BUNDLE}/manifest.json`, 'utf8'));
const grid = new VideoGrid(manifest);
const layout = new TokenLayout(manifest);
const positions = manifest.video.grid.reduce((product, extent) => product * extent, 1);

describe('video grid', () => {
  it('counts positions in raster order', () => {
    expect(grid.coordinates(0)).toEqual({ t: 0, y: 0, x: 0 });
    expect(grid.coordinates(5)).toEqual({ t: 0, y: 1, x: 1 });
    expect(grid.coordinates(positions - 1)).toEqual({ t: 4, y: 3, x: 3 });
  });

  const { contexts } = manifest.languageModel.rows;
  const [first, second] = manifest.video.subCodebooks;

  it('uses null rows and the null code for every context of the first position when nothing is known', () => {
    const input = layout.empty(1);
    grid.write({ codes: new Int32Array(2 * positions).fill(7) }, 0, input, 0);
    expect([...input.rowIds].slice(3).map(Number)).toEqual(contexts.map(({ a }) => a + first));
    expect([...input.codeIds].map(Number)).toEqual(contexts.map(() => first * second));
  });

  it('shows what is known at the position itself and ahead, and nothing beyond the clip', () => {
    const condition = Int32Array.from({ length: positions }, (_, i) => i);
    const here = contexts.findIndex(({ offset, source }) => source === 'condition' && offset.every((step) => step === 0));
    const later = contexts.findIndex(({ offset: [dt], source }) => source === 'condition' && dt > 0);
    const seen = (position: number): number[] => {
      const input = layout.empty(1);
      grid.write({ codes: new Int32Array(2 * positions), condition }, position, input, 0);
      return [...input.codeIds].map(Number);
    };
    expect([seen(21)[here], seen(21)[later]]).toEqual([21, 37]);
    expect([seen(positions - 1)[here], seen(positions - 1)[later]]).toEqual([positions - 1, first * second]);
  });

  it('never looks at its own output at the position itself or later', () => {
    fc.assert(
      fc.property(fc.nat(positions - 1), fc.nat(first - 1), (position, later) => {
        const codes = Int32Array.from({ length: 2 * positions }, (_, i) => (i * 7) % second);
        const before = layout.empty(1);
        grid.write({ codes }, position, before, 0);
        codes.fill(later, 2 * position);
        const after = layout.empty(1);
        grid.write({ codes }, position, after, 0);
        expect(after).toEqual(before);
      }),
    );
  });
});
