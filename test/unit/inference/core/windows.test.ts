import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planWindows, tokensOf } from '../../../../src/inference/core/windows.ts';

const plan = (total: number, known: number) => planWindows({ total, known, longest: 5, later: { latents: 4, overlap: 2 } });

describe('windows', () => {
  it('a clip of the model own length is one window, whatever is known of its beginning', () => {
    for (const known of [0, 1, 4]) expect(plan(5, known)).toEqual([{ start: 0, latents: 5 }]);
    expect(plan(3, 1)).toEqual([{ start: 0, latents: 3 }]);
    expect(plan(5, 5)).toEqual([]);
  });

  it('a longer one goes on from the last two latent frames of what is there', () => {
    expect(plan(10, 0)).toEqual([{ start: 0, latents: 5 }, { start: 3, latents: 4 }, { start: 5, latents: 4 }, { start: 7, latents: 3 }]);
    expect(plan(8, 5)).toEqual([{ start: 3, latents: 4 }, { start: 5, latents: 3 }]);
  });

  it('one that turns sees the last known latent frame alone, then goes on as others do', () => {
    const turned = (total: number, known: number) => planWindows({ total, known, longest: 5, later: { latents: 4, overlap: 2 }, turns: true });
    expect(turned(5, 3)).toEqual([{ start: 2, latents: 3 }]);
    expect(turned(5, 1)).toEqual([{ start: 0, latents: 5 }]);
    expect(turned(10, 4)).toEqual([{ start: 3, latents: 4 }, { start: 5, latents: 4 }, { start: 7, latents: 3 }]);
    expect(tokensOf({ grid: [5, 2, 2], windows: { latents: 4, overlap: 2 } }, { total: 5, known: 3, turns: true })).toBe(3 * 4);
  });

  it('make everything that is unknown once, without a gap, in windows that fit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 121 }), fc.nat(121), (total, limit) => {
        let next = Math.min(limit, total);
        for (const { start, latents } of plan(total, next)) {
          expect(start).toBeLessThanOrEqual(next);
          expect(start + latents).toBeGreaterThan(next);
          expect(latents).toBeLessThanOrEqual(start === 0 ? 5 : 4);
          next = start + latents;
        }
        expect(next).toBe(total);
      }),
    );
  });

  it('count the tokens of all windows, what they repeat included', () => {
    expect(tokensOf({ grid: [5, 2, 2], windows: { latents: 4, overlap: 2 } }, { total: 10, known: 0 })).toBe(16 * 4);
  });
});
