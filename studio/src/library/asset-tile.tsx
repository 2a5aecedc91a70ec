import { memo, useEffect, useState } from 'react';
import type { TileFragment } from '../generated/operations.ts';
import { seconds, words } from '../ui/format.ts';
import { useCalm } from '../ui/use-calm.ts';
import { captionOf } from './caption.ts';
import { averageColour } from './thumbhash.ts';

/** A pointer that only passes plays nothing. */
const HOVER_MS = 150;

interface AssetTileProps {
  readonly tile: TileFragment;
  readonly href: string;
  readonly selected: boolean;
  /** The grid rushes by: a picture that is not there yet is not asked for. */
  readonly fling: boolean;
  /** `range`: all from the one selected before. */
  readonly onSelect: (tile: TileFragment, range: boolean) => void;
}

/** One asset of the grid. Plays while the pointer or the focus is on it. */
export const AssetTile = memo(function AssetTile({ tile, href, selected, fling, onSelect }: AssetTileProps) {
  const [over, setOver] = useState(false);
  const [pictured, setPictured] = useState(!fling);
  if (!fling && !pictured) setPictured(true);
  const caption = captionOf(tile);
  return (
    <>
      <a href={href} className="tile-link" onPointerEnter={() => setOver(true)} onPointerLeave={() => setOver(false)} onFocus={() => setOver(true)} onBlur={() => setOver(false)}>
        <span className="tile-picture" style={'thumbhash' in tile ? { backgroundColor: averageColour(tile.thumbhash) } : {}}>
          {pictured ? <TilePicture tile={tile} /> : null}
          {tile.__typename === 'VideoAsset' && over ? <HoverClip url={tile.url} /> : null}
          {'durationMs' in tile ? <span className="tile-mark" aria-hidden="true">{seconds(tile.durationMs)}</span> : null}
        </span>
        <span className="tile-caption">
          <span className="visually-hidden">{words(tile.kind)}: </span>
          {caption}
        </span>
      </a>
      <label className="tile-check">
        <input
          type="checkbox"
          checked={selected}
          onChange={(event) => onSelect(tile, event.nativeEvent instanceof MouseEvent && event.nativeEvent.shiftKey)}
          aria-label={`Select ${caption}`}
        />
      </label>
    </>
  );
});

function TilePicture({ tile }: { readonly tile: TileFragment }) {
  if ('thumbnailUrl' in tile) return <img src={tile.thumbnailUrl} alt="" decoding="async" width="160" height="160" />;
  if (tile.__typename === 'AudioAsset') return <img src={tile.waveformUrl} alt="" decoding="async" width="160" height="160" />;
  return <span className="tile-words" aria-hidden="true">{words(tile.kind)}</span>;
}

function HoverClip({ url }: { readonly url: string }) {
  const calm = useCalm();
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setPlaying(!calm), HOVER_MS);
    return () => clearTimeout(timer);
  }, [calm]);
  return playing ? <video src={url} muted loop autoPlay playsInline tabIndex={-1} aria-hidden="true" /> : null;
}
