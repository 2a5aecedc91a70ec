import type { VideoAssetResolvers } from '../generated/graphql.ts';
import { assetFields, pictureFields, present } from './asset.ts';

export const VideoAsset: VideoAssetResolvers = {
  ...assetFields,
  ...pictureFields,
  fps: (asset) => present(asset, 'fps', asset.fps),
  frameCount: (asset) => present(asset, 'frameCount', asset.frameCount),
  durationMs: (asset) => present(asset, 'durationMs', asset.durationMs),
};
