import { useCallback, useMemo, useRef, useState } from 'react';
import type { TileFragment } from '../generated/operations.ts';
import type { Tiles } from './use-tiles.ts';

export interface Selection {
  readonly ids: ReadonlySet<string>;
  select(tile: TileFragment, range: boolean): void;
  clear(): void;
  /** Takes the ticks off these. */
  drop(ids: readonly string[]): void;
}

export const MAX_SELECTED = 100;

/** What is ticked, up to a hundred. With Shift: everything from the one ticked before. */
export function useSelection(tiles: Pick<Tiles, 'at' | 'count'>): Selection {
  const [chosen, setChosen] = useState<ReadonlyMap<string, TileFragment>>(new Map());
  const previous = useRef<string | null>(null);
  // The grid's tiles are memoised: what they call must not change with every page that comes.
  const list = useRef(tiles);
  list.current = tiles;
  const select = useCallback((tile: TileFragment, range: boolean) => {
    const from = previous.current;
    previous.current = tile.id;
    setChosen((was) => {
      const next = new Map(was);
      if (!was.has(tile.id)) for (const each of range && from !== null ? between(list.current, from, tile) : [tile]) next.set(each.id, each);
      else next.delete(tile.id);
      return new Map([...next].slice(0, MAX_SELECTED));
    });
  }, []);
  const clear = useCallback(() => setChosen(new Map()), []);
  const drop = useCallback((ids: readonly string[]) => setChosen((was) => new Map([...was].filter(([id]) => !ids.includes(id)))), []);
  return useMemo(() => ({ ids: new Set(chosen.keys()), select, clear, drop }), [chosen, select, clear, drop]);
}

/** The tiles on screen from one to another, both included; the last alone when the first has scrolled away. */
function between(tiles: Pick<Tiles, 'at' | 'count'>, fromId: string, to: TileFragment): TileFragment[] {
  const there = Array.from({ length: tiles.count }, (_, item) => tiles.at(item)).filter((tile) => tile !== undefined);
  const [a, b] = [there.findIndex(({ id }) => id === fromId), there.findIndex(({ id }) => id === to.id)];
  return a === -1 || b === -1 ? [to] : there.slice(Math.min(a, b), Math.max(a, b) + 1);
}
