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
  readonly first?: number;
  /** Start behind this cursor, `pageInfo.endCursor` of an earlier page. */
  readonly after?: string | null;
  /** Count all matches, too. */
  readonly withTotal?: boolean;
  readonly signal?: AbortSignal;
}

/** A list that is fetched page by page while it is read: `for await (const item of list)`. Leaving the loop stops the fetching. */
export interface Pages<Item> extends AsyncIterable<Item> {
  /** Page by page, from `after` on. */
  pages(): AsyncGenerator<Page<Item>, void, void>;
  /** The page at `after`. */
  page(): Promise<Page<Item>>;
}

export type FetchPage<Item> = (args: { readonly first: number; readonly after: string | null; readonly withTotal: boolean }, signal?: AbortSignal) => Promise<Page<Item>>;

const PAGE_SIZE = 50;

export function createPages<Item>(fetchPage: FetchPage<Item>, { first = PAGE_SIZE, after = null, withTotal = false, signal }: PageOptions = {}): Pages<Item> {
  async function* pages(): AsyncGenerator<Page<Item>, void, void> {
    let cursor = after;
    for (;;) {
      const page = await fetchPage({ first, after: cursor, withTotal }, signal);
      yield page;
      if (!page.pageInfo.hasNextPage || page.pageInfo.endCursor === null) return;
      cursor = page.pageInfo.endCursor;
    }
  }
  return {
    pages,
    page: () => fetchPage({ first, after, withTotal }, signal),
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) yield* page.nodes;
    },
  };
}
