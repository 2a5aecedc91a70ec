import type { VideoAssetResolvers } from '../generated/graphql.ts';
import { assetFields, present } from './asset.ts';

export const VideoAsset: VideoAssetResolvers = {
  ...assetFields,
  kind: () => 'VIDEO',
  width: (asset) => present(asset, 'width', asset.width),
  height: (asset) => present(asset, 'height', asset.height),
  fps: (asset) => present(asset, 'fps', asset.fps),
  frameCount: (asset) => present(asset, 'frameCount', asset.frameCount),
  durationMs: (asset) => present(asset, 'durationMs', asset.durationMs),
};
