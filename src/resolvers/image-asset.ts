import type { ImageAssetResolvers } from '../generated/graphql.ts';
import { assetFields, present } from './asset.ts';

export const ImageAsset: ImageAssetResolvers = {
  ...assetFields,
  kind: () => 'IMAGE',
  width: (asset) => present(asset, 'width', asset.width),
  height: (asset) => present(asset, 'height', asset.height),
};
