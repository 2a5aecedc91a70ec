import type { VideoAssetResolvers } from '../generated/graphql.ts';
import type { AssetRecord, VariantFormat } from '../services/contract.ts';
import { spriteLayout } from '../services/sprite-layout.ts';
import { assetFields, pictureFields, present } from './asset.ts';

const STORED_AS: Readonly<Record<VariantFormat, string>> = { webm: 'video/webm', gif: 'image/gif', webp: 'image/webp', sprites: '' };

export const VideoAsset: VideoAssetResolvers = {
  ...assetFields,
  ...pictureFields,
  url: (asset, { format }, { urls }) => {
    const variant = variantOf(asset, format ?? 'MP4');
    return variant === null ? urls.asset(asset) : urls.variant(asset, variant);
  },
  spriteSheet: (asset, _args, { urls }) => {
    const { fps, ...layout } = spriteLayout(asset);
    return { ...layout, url: urls.variant(asset, 'sprites'), intervalMs: Math.round(1000 / fps) };
  },
  fps: (asset) => present(asset, 'fps', asset.fps),
  frameCount: (asset) => present(asset, 'frameCount', asset.frameCount),
  durationMs: (asset) => present(asset, 'durationMs', asset.durationMs),
};

/** Null: the stored bytes are what is asked for. */
function variantOf({ contentType }: AssetRecord, format: 'MP4' | 'WEBM' | 'GIF' | 'WEBP'): VariantFormat | null {
  if (format === 'MP4') return null;
  const variant = format.toLowerCase() as Lowercase<typeof format>;
  return STORED_AS[variant] === contentType ? null : variant;
}
