import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor, parsePage, toPage } from '../../../src/services/cursor.ts';

const time = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });

describe('cursors', () => {
  it('come back as the position they were made from', () => {
    fc.assert(fc.property(time, fc.uuid(), (createdAt, id) => {
      expect(decodeCursor(encodeCursor({ createdAt, id }), 'after')).toEqual({ createdAt, id });
    }));
  });

  it('refuse every other text with INVALID_CURSOR', () => {
    fc.assert(fc.property(fc.string(), text => {
      expect(() => decodeCursor(text, 'after')).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
    }));
    const good = encodeCursor({ createdAt: new Date(5), id: 'b1c3d45c-e5e7-4251-87ab-7a2697901bfc' });
    for (const text of [`${good}=`, ` ${good}`, good.slice(1), `${good}AA`]) {
      expect(() => decodeCursor(text, 'after')).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
    }
  });

  it('refuse page sizes outside 1 to 100', () => {
    for (const first of [0, 101, -1, 1.5, Number.NaN]) {
      expect(() => parsePage({ first, after: null })).toThrow(expect.objectContaining({ code: 'PAGE_SIZE_OUT_OF_RANGE' }));
    }
    expect(() => parsePage({ last: 101 })).toThrow(expect.objectContaining({ code: 'PAGE_SIZE_OUT_OF_RANGE', field: ['last'] }));
    expect(() => parsePage({})).toThrow(expect.objectContaining({ code: 'PAGE_SIZE_OUT_OF_RANGE', field: ['first'] }));
    expect(parsePage({ first: 100, after: null })).toEqual({ count: 100, forward: true, from: undefined });
    expect(parsePage({ last: 1 })).toEqual({ count: 1, forward: false, from: undefined });
  });

  it('refuse to page both ways at once', () => {
    for (const [page, field] of [[{ first: 1, last: 1 }, 'last'], [{ first: 1, before: 'x' }, 'before'], [{ last: 1, after: 'x' }, 'after']] as const) {
      expect(() => parsePage(page)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', field: [field] }));
    }
  });

  it('tell what lies on each side', () => {
    const nodes = [1, 2, 3].map(n => ({ createdAt: new Date(n), id: `${n}` }));
    const from = { createdAt: new Date(0), id: '0' };
    expect(toPage(nodes, { count: 2, forward: true, from: undefined })).toMatchObject({ hasNextPage: true, hasPreviousPage: false, edges: [{ node: nodes[0] }, { node: nodes[1] }] });
    expect(toPage(nodes, { count: 3, forward: true, from })).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    // Read away from the cursor, given out in the order of the list.
    expect(toPage(nodes, { count: 2, forward: false, from })).toMatchObject({ hasNextPage: true, hasPreviousPage: true, edges: [{ node: nodes[1] }, { node: nodes[0] }] });
    expect(toPage(nodes, { count: 3, forward: false, from: undefined })).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  });
});
