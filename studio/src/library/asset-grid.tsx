import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState, type MouseEvent } from 'react';
import type { TileFragment } from '../generated/operations.ts';
import { AssetTile } from './asset-tile.tsx';
import { useFling } from './use-fling.ts';
import type { Tiles } from './use-tiles.ts';

const MIN_TILE_PX = 150;
const GAP_PX = 12;
const CAPTION_PX = 52;
const OVERSCAN_ROWS = 3;
/** The list is read so far ahead of the screen: some three screens. */
const AHEAD_ROWS = 12;

interface AssetGridProps {
  readonly tiles: Pick<Tiles, 'count' | 'at' | 'show'>;
  readonly hrefOf: (tile: TileFragment) => string;
  readonly selection: ReadonlySet<string>;
  readonly onSelect: (tile: TileFragment, range: boolean) => void;
  readonly onOpen: (href: string) => void;
}

/** A grid of any length of which only the rows on screen exist. */
export function AssetGrid({ tiles, hrefOf, selection, onSelect, onOpen }: AssetGridProps) {
  const list = useRef<HTMLUListElement>(null);
  const [box, setBox] = useState({ width: 0, top: 0 });
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    const measure = () => {
      const { width, top } = element.getBoundingClientRect();
      setBox((was) => (was.width === width && Math.abs(was.top - top - scrollY) < 1 ? was : { width, top: top + scrollY }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);

  const columns = Math.max(1, Math.floor((box.width + GAP_PX) / (MIN_TILE_PX + GAP_PX)));
  const tilePx = (box.width - GAP_PX * (columns - 1)) / columns;
  const rowPx = Math.round(tilePx + CAPTION_PX + GAP_PX);
  const rows = useWindowVirtualizer({ count: box.width === 0 ? 0 : Math.ceil(tiles.count / columns), estimateSize: () => rowPx, overscan: OVERSCAN_ROWS, scrollMargin: box.top });
  useLayoutEffect(() => rows.measure(), [rows, rowPx]);

  const visible = rows.getVirtualItems();
  const first = (visible[0]?.index ?? 0) * columns;
  const last = Math.min(tiles.count, ((visible.at(-1)?.index ?? 0) + 1) * columns) - 1;
  const { show } = tiles;
  useLayoutEffect(() => show(first, last + AHEAD_ROWS * columns), [first, last, columns, show]);
  const fling = useFling();

  const places = visible.flatMap((row) =>
    Array.from({ length: Math.min(columns, tiles.count - row.index * columns) }, (_, column) => ({ item: row.index * columns + column, x: column * (tilePx + GAP_PX), y: row.start - box.top })),
  );
  return (
    <ul ref={list} className="grid" style={{ height: rows.getTotalSize() }} onClick={(event) => openTile(event, onOpen)}>
      {places.map(({ item, x, y }) => {
        const tile = tiles.at(item);
        return (
          <li key={tile?.id ?? item} className={`tile${tile !== undefined && selection.has(tile.id) ? ' tile-selected' : ''}`} style={{ width: tilePx, height: rowPx - GAP_PX, left: x, top: y }}>
            {tile === undefined ? <span className="tile-picture" aria-hidden="true" /> : <AssetTile tile={tile} href={hrefOf(tile)} selected={selection.has(tile.id)} fling={fling} onSelect={onSelect} />}
          </li>
        );
      })}
    </ul>
  );
}

/** One listener for all tiles: a link of the router in each would listen to the address in each, and be made anew with every row that comes. */
function openTile(event: MouseEvent, onOpen: (href: string) => void): void {
  const link = event.target instanceof Element ? event.target.closest('a.tile-link') : null;
  const href = link?.getAttribute('href');
  if (href == null || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  onOpen(href);
}
