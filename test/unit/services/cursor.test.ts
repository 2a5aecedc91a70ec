import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor, parsePage, toPage } from '../../../src/services/cursor.ts';

const time = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });

describe('cursors', () => {
  it('come back as the position they were made from', () => {
    fc.assert(fc.property(time, fc.uuid(), (createdAt, id) => {
      expect(decodeCursor(encodeCursor({ createdAt, id }))).toEqual({ createdAt, id });
    }));
  });

  it('refuse every other text with INVALID_CURSOR', () => {
    fc.assert(fc.property(fc.string(), text => {
      expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
    }));
    const good = encodeCursor({ createdAt: new Date(5), id: 'b1c3d45c-e5e7-4251-87ab-7a2697901bfc' });
    for (const text of [`${good}=`, ` ${good}`, good.slice(1), `${good}AA`]) {
      expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
    }
  });

  it('refuse page sizes outside 1 to 100', () => {
    for (const first of [0, 101, -1, 1.5, Number.NaN]) {
      expect(() => parsePage({ first, after: null })).toThrow(expect.objectContaining({ code: 'PAGE_SIZE_OUT_OF_RANGE' }));
    }
    expect(parsePage({ first: 100, after: null })).toEqual({ first: 100, after: undefined });
  });

  it('tell that there is more only when there is', () => {
    const nodes = [1, 2, 3].map(n => ({ createdAt: new Date(n), id: `${n}` }));
    expect(toPage(nodes, 2)).toMatchObject({ hasNextPage: true, edges: [{ node: nodes[0] }, { node: nodes[1] }] });
    expect(toPage(nodes, 3).hasNextPage).toBe(false);
  });
});
