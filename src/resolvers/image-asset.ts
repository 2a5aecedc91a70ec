import type { ImageAssetResolvers } from '../generated/graphql.ts';
import { assetFields, pictureFields } from './asset.ts';

export const ImageAsset: ImageAssetResolvers = { ...assetFields, ...pictureFields };
