import type { PageInfo } from './types.ts';

/** One page of a list. */
export interface Page<Item> {
  readonly nodes: readonly Item[];
  readonly pageInfo: PageInfo;
  /** How many match over all pages; null unless `withTotal` was set. */
  readonly totalCount: number | null;
}

export interface PageOptions {
  /** Items fetched at once, 1 to 100. Default 50. */
  readonly pageSize?: number;
  /** Start behind this cursor, `pageInfo.endCursor` of an earlier page. */
  readonly after?: string | null;
  /** Go backwards, page by page, from in front of this cursor, `pageInfo.startCursor` of an earlier page. Items of a page keep their order. */
  readonly before?: string | null;
  /** Count all matches, too. */
  readonly withTotal?: boolean;
  readonly signal?: AbortSignal;
}

/** A list that is fetched page by page while it is read: `for await (const item of list)`. Leaving the loop stops the fetching. */
export interface Pages<Item> extends AsyncIterable<Item> {
  /** Page by page. */
  pages(): AsyncGenerator<Page<Item>, void, void>;
  /** The first of them. */
  page(): Promise<Page<Item>>;
}

export interface PageArgs {
  readonly first?: number;
  readonly after?: string;
  readonly last?: number;
  readonly before?: string;
  readonly withTotal: boolean;
}

const PAGE_SIZE = 50;

export function createPages<Item>(fetchPage: (args: PageArgs, signal?: AbortSignal) => Promise<Page<Item>>, options: PageOptions = {}): Pages<Item> {
  const { pageSize = PAGE_SIZE, withTotal = false, signal } = options;
  const backwards = options.before != null;
  const fetchAt = (cursor: string | null) => fetchPage({ ...range(pageSize, cursor, backwards), withTotal }, signal);
  const start = (backwards ? options.before : options.after) ?? null;

  async function* pages(): AsyncGenerator<Page<Item>, void, void> {
    for (let cursor: string | null = start; ; ) {
      const page: Page<Item> = await fetchAt(cursor);
      yield page;
      const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
      cursor = backwards ? startCursor : endCursor;
      if (cursor === null || !(backwards ? hasPreviousPage : hasNextPage)) return;
    }
  }
  return {
    pages,
    page: () => fetchAt(start),
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) yield* page.nodes;
    },
  };
}

function range(size: number, cursor: string | null, backwards: boolean): Omit<PageArgs, 'withTotal'> {
  if (backwards) return cursor === null ? { last: size } : { last: size, before: cursor };
  return cursor === null ? { first: size } : { first: size, after: cursor };
}
