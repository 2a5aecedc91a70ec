import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { AssetFilter } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { TilesDocument, type TileFragment, type TilesQuery } from '../generated/operations.ts';
import { itemCount, knownCount, placeOf, sizeOf, START, withCountChange, withPage, type PageIndex } from './page-index.ts';

export interface Tiles {
  /** Places in the grid: items and placeholders. */
  readonly count: number;
  readonly known: number;
  readonly ended: boolean;
  readonly error: unknown;
  /** Says which items are on screen, both ends included: their pages are read. */
  show(first: number, last: number): void;
  /** Undefined while its page is on the way. */
  at(item: number): TileFragment | undefined;
  retry(): void;
  /** Reads again what is on screen, in its place. */
  refresh(): void;
  /** Takes items off the list, and says how to put them back: false when the list has begun anew meanwhile. */
  hide(ids: readonly string[]): () => boolean;
}

/** Pages off screen are let go after a while; their place is remembered. */
const GC_MS = 15_000;
/** Signed URLs live for an hour at least. */
const STALE_MS = 30 * 60_000;

/**
 * An endless list of which only the pages on screen are held.
 * @param version another number starts the list anew
 */
export function useTiles(filter: AssetFilter, version: number): Tiles {
  const { client } = useStudio();
  const queries = useQueryClient();
  const listKey = JSON.stringify([filter, version]);
  const [state, setState] = useState<{ readonly listKey: string; readonly index: PageIndex }>({ listKey, index: START });
  const index = state.listKey === listKey ? state.index : START;
  // While one scrolls only another page is news, not every row: whoever draws the list draws the rows.
  const latest = useRef({ index, listKey, first: 0, last: 0 });
  const [span, setSpan] = useState<PageSpan>({ from: 0, to: 0 });
  const place = useCallback(() => {
    const next = spanOn(latest.current.index, latest.current.first, latest.current.last);
    setSpan((was) => (was.from === next.from && was.to === next.to ? was : next));
  }, []);
  const show = useCallback(
    (first: number, last: number) => {
      latest.current = { ...latest.current, first, last };
      place();
    },
    [place],
  );
  useLayoutEffect(() => {
    latest.current = { ...latest.current, index, listKey };
    place();
  }, [index, listKey, place]);
  const wanted = useMemo(() => pagesIn(span, index), [span, index]);

  const results = useQueries({
    queries: wanted.map((page) => {
      const entry = index.pages[page] ?? { after: null, count: null };
      return {
        queryKey: ['tiles', listKey, entry.after],
        queryFn: async ({ signal }: { readonly signal: AbortSignal }) => (await client.request(TilesDocument, { first: sizeOf(entry), after: entry.after, filter }, { signal })).assets,
        gcTime: GC_MS,
        staleTime: STALE_MS,
        enabled: entry.count !== 0,
      };
    }),
  });
  const nodes = new Map(wanted.map((page, at) => [page, results[at]?.data?.nodes] as const));
  useEffect(() => {
    setState((was) => {
      const before = was.listKey === listKey ? was.index : START;
      const after = wanted.reduce((current, page, at) => {
        const data = results[at]?.data;
        return data === undefined ? current : withPage(current, page, { count: data.nodes.length, ...data.pageInfo });
      }, before);
      return after === before && was.listKey === listKey ? was : { listKey, index: after };
    });
  }, [results, wanted, listKey]);

  return {
    count: itemCount(index),
    known: knownCount(index),
    ended: index.ended,
    error: results.find(({ error }) => error !== null)?.error ?? null,
    show,
    at(item) {
      const place = placeOf(index, item);
      return place === null ? undefined : nodes.get(place.page)?.[place.offset];
    },
    retry: () => void queries.refetchQueries({ queryKey: ['tiles', listKey], predicate: ({ state: { status } }) => status === 'error' }),
    refresh: () => void queries.invalidateQueries({ queryKey: ['tiles', latest.current.listKey] }),
    hide(ids) {
      // Whoever asks has waited for an answer: the list as it is by now.
      const { listKey: hidden, index: whole } = latest.current;
      const before = queries.getQueriesData<TilesQuery['assets']>({ queryKey: ['tiles', hidden] });
      let next = whole;
      for (const [key, page] of before) {
        if (page === undefined) continue;
        const kept = page.nodes.filter(({ id }) => !ids.includes(id));
        next = withCountChange(next, next.pages.findIndex(({ after }) => after === key[2]), kept.length - page.nodes.length);
        queries.setQueryData(key, { ...page, nodes: kept });
      }
      setState({ listKey: hidden, index: next });
      return () => {
        if (latest.current.listKey !== hidden) return false;
        for (const [key, page] of before) queries.setQueryData(key, page);
        setState((now) => ({ listKey: hidden, index: { ...now.index, pages: now.index.pages.map((page, at) => whole.pages[at] ?? page) } }));
        return true;
      };
    },
  };
}

interface PageSpan {
  readonly from: number;
  readonly to: number;
}

/** The pages that these items lie on. */
function spanOn(index: PageIndex, first: number, last: number): PageSpan {
  return { from: placeOf(index, Math.max(0, first))?.page ?? 0, to: placeOf(index, last)?.page ?? index.pages.length - 1 };
}

/** A list that has begun anew is shorter than the one that the span is of. */
function pagesIn({ from, to }: PageSpan, { pages }: PageIndex): number[] {
  const end = Math.min(to, pages.length - 1);
  const begin = Math.min(from, end);
  return Array.from({ length: end - begin + 1 }, (_, at) => begin + at);
}
