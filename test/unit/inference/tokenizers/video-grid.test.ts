import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../../src/inference/core/manifest.ts';
import { VideoGrid } from '../../../../src/inference/tokenizers/video-grid.ts';
import { readFileSync } from 'node:fs';
import { TINY_BUNDLE } from '../../../support/inference.ts';

const manifest = parseManifest(readFileSync(`${TINY_BUNDLE}/manifest.json`, 'utf8'));
const grid = new VideoGrid(manifest);
const positions = manifest.video.grid.reduce((product, extent) => product * extent, 1);

describe('video grid', () => {
  it('counts positions in raster order', () => {
    expect(grid.coordinates(0)).toEqual({ t: 0, y: 0, x: 0 });
    expect(grid.coordinates(5)).toEqual({ t: 0, y: 1, x: 1 });
    expect(grid.coordinates(positions - 1)).toEqual({ t: 4, y: 3, x: 3 });
  });

  it('uses null rows for every context of the first position', () => {
    const rows = new BigInt64Array(grid.rowsPerPosition);
    grid.writeRows(new Int32Array(2 * positions).fill(7), 0, rows, 0);
    const { contexts } = manifest.languageModel.rows;
    expect([...rows].slice(3).map(Number)).toEqual(contexts.flatMap(({ a, b }) => [a + 512, b + 125]));
  });

  it('never looks at the position itself or later', () => {
    fc.assert(
      fc.property(fc.nat(positions - 1), fc.nat(511), (position, later) => {
        const codes = Int32Array.from({ length: 2 * positions }, (_, i) => (i * 7) % 125);
        const before = new BigInt64Array(grid.rowsPerPosition);
        grid.writeRows(codes, position, before, 0);
        codes.fill(later, 2 * position);
        const after = new BigInt64Array(grid.rowsPerPosition);
        grid.writeRows(codes, position, after, 0);
        expect(after).toEqual(before);
      }),
    );
  });
});
