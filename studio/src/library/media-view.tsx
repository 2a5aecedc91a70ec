import { PlayerControls } from '../live/player-controls.tsx';
import { useSyncedPlayback } from '../live/use-synced-playback.ts';
import type { DetailsFragment } from '../generated/operations.ts';
import { captionOf } from './caption.ts';
import { averageColour } from './thumbhash.ts';

/** The asset itself, large. */
export function MediaView({ asset }: { readonly asset: DetailsFragment }) {
  const alt = captionOf(asset);
  switch (asset.__typename) {
    case 'VideoAsset':
      return <ClipView asset={asset} alt={alt} />;
    case 'ImageAsset':
      return <img className="media-view" src={asset.url} alt={alt} width={asset.width} height={asset.height} style={{ aspectRatio: `${asset.width} / ${asset.height}`, backgroundColor: averageColour(asset.thumbhash) }} />;
    case 'AudioAsset':
      return <audio className="media-view" src={asset.url} controls aria-label={alt} />;
    case 'TextAsset':
      return <blockquote className="media-view">{asset.text}</blockquote>;
  }
}

function ClipView({ asset, alt }: { readonly asset: Extract<DetailsFragment, { readonly __typename: 'VideoAsset' }>; readonly alt: string }) {
  const playback = useSyncedPlayback(1);
  return (
    <div className="clip-view">
      <video
        ref={playback.register(0)}
        className="media-view"
        src={asset.url}
        poster={asset.thumbnailUrl}
        width={asset.width}
        height={asset.height}
        aria-label={alt}
        playsInline
        muted
        style={{ aspectRatio: `${asset.width} / ${asset.height}`, backgroundColor: averageColour(asset.thumbhash) }}
      />
      <PlayerControls playback={playback} clip={asset} />
    </div>
  );
}
