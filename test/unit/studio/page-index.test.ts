import { describe, expect, it } from 'vitest';
import { itemCount, knownCount, PAGE_SIZE, placeOf, sizeOf, START, withCountChange, withPage } from '../../../studio/src/library/page-index.ts';

const full = (endCursor: string) => ({ count: PAGE_SIZE, endCursor, hasNextPage: true });

describe('the pages of an endless list', () => {
  it('begin with one page of placeholders', () => {
    expect(itemCount(START)).toBe(PAGE_SIZE);
    expect(knownCount(START)).toBe(0);
    expect(placeOf(START, PAGE_SIZE)).toBeNull();
  });

  it('grow by the page that follows, until nothing follows', () => {
    const one = withPage(START, 0, full('a'));
    expect(one).toMatchObject({ ended: false, pages: [{ after: null, count: PAGE_SIZE }, { after: 'a', count: null }] });
    const two = withPage(one, 1, { count: 5, endCursor: 'b', hasNextPage: false });
    expect(two.ended).toBe(true);
    expect(itemCount(two)).toBe(PAGE_SIZE + 5);
    expect(placeOf(two, PAGE_SIZE + 4)).toEqual({ page: 1, offset: 4 });
    expect(placeOf(two, PAGE_SIZE + 5)).toBeNull();
  });

  it('keep their place when one is fetched again, whatever follows it by then', () => {
    const two = withPage(withPage(START, 0, full('a')), 1, full('b'));
    expect(withPage(two, 0, full('other'))).toBe(two);
  });

  it('shrink and grow when an item is deleted and restored, and then ask for as many as they hold', () => {
    const one = withPage(START, 0, full('a'));
    const less = withCountChange(one, 0, -1);
    expect(sizeOf(less.pages[0] ?? { after: null, count: null })).toBe(PAGE_SIZE - 1);
    expect(placeOf(less, PAGE_SIZE - 1)).toEqual({ page: 1, offset: 0 });
    expect(withCountChange(less, 0, 1)).toEqual(one);
  });
});
