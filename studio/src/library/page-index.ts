/** Where each page of an endless list lies, without holding its items. Pure. */

export interface PageEntry {
  /** Cursor that the page begins behind; null for the first. */
  readonly after: string | null;
  /** Items on it; null before it was first fetched. */
  readonly count: number | null;
}

export interface PageIndex {
  readonly pages: readonly PageEntry[];
  /** Nothing follows the last page. */
  readonly ended: boolean;
}

export const PAGE_SIZE = 60;
export const START: PageIndex = { pages: [{ after: null, count: null }], ended: false };

/** Items that have a place: those that are known, and a page of placeholders while more may follow. */
export function itemCount({ pages }: PageIndex): number {
  return pages.reduce((sum, { count }) => sum + (count ?? PAGE_SIZE), 0);
}

/** Items on pages that were fetched once. */
export function knownCount({ pages }: PageIndex): number {
  return pages.reduce((sum, { count }) => sum + (count ?? 0), 0);
}

export interface Place {
  readonly page: number;
  readonly offset: number;
}

/** Where the item lies; null behind the end. */
export function placeOf({ pages }: PageIndex, item: number): Place | null {
  let start = 0;
  for (const [page, { count }] of pages.entries()) {
    const size = count ?? PAGE_SIZE;
    if (item < start + size) return { page, offset: item - start };
    start += size;
  }
  return null;
}

/** After a page came. The same index when nothing new was learned. */
export function withPage(index: PageIndex, page: number, came: { readonly count: number; readonly endCursor: string | null; readonly hasNextPage: boolean }): PageIndex {
  const entry = index.pages[page];
  // An older page that is fetched again keeps its place, whatever follows it now.
  if (entry === undefined || entry.count !== null) return index;
  const pages = index.pages.with(page, { ...entry, count: came.count });
  if (!came.hasNextPage || came.endCursor === null) return { pages, ended: true };
  return { pages: page === pages.length - 1 ? [...pages, { after: came.endCursor, count: null }] : pages, ended: false };
}

/** How many to ask for, so that a page that lost items does not reach into the next. */
export function sizeOf({ count }: PageEntry): number {
  return count ?? PAGE_SIZE;
}

/** After an item of a page was deleted, or came back. */
export function withCountChange(index: PageIndex, page: number, change: number): PageIndex {
  const entry = index.pages[page];
  if (entry === undefined || entry.count === null) return index;
  return { ...index, pages: index.pages.with(page, { ...entry, count: Math.max(0, entry.count + change) }) };
}
