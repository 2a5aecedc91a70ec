import type { Listing } from './sources.ts';
import type { Page } from '../services/contract.ts';

export function listing<T>(page: Page<T>, count: (() => Promise<number>) | null): Listing<T> {
  return { ...page, count };
}

/** The fields that every connection type has. */
export const connectionFields = {
  edges: <T>(page: Listing<T>) => [...page.edges],
  nodes: <T>(page: Listing<T>) => page.edges.map((edge) => edge.node),
  pageInfo: (page: Listing<unknown>) => ({
    hasNextPage: page.hasNextPage,
    hasPreviousPage: page.hasPreviousPage,
    startCursor: page.edges[0]?.cursor ?? null,
    endCursor: page.edges.at(-1)?.cursor ?? null,
  }),
  totalCount: (page: Listing<unknown>) => page.count?.() ?? null,
};
