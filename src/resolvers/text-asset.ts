import type { TextAssetResolvers } from '../generated/graphql.ts';
import { assetFields, present } from './asset.ts';

export const TextAsset: TextAssetResolvers = { ...assetFields, text: (asset) => present(asset, 'text', asset.text) };
