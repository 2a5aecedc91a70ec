import type { AssetResolvers } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import type { AssetRecord, ClaimRecord, PageInput } from '../services/contract.ts';
import { listing } from './connection.ts';
import { toGlobalId } from './global-id.ts';

export const Asset: Pick<AssetResolvers, '__resolveType'> = {
  __resolveType(asset) {
    switch (asset.kind) {
      case 'VIDEO':
        return 'VideoAsset';
      case 'IMAGE':
      case 'MASK':
        return 'ImageAsset';
      case 'AUDIO':
        return 'AudioAsset';
      case 'TEXT':
        return 'TextAsset';
    }
  },
};

/** The fields that every concrete asset type has. */
export const assetFields = {
  id: (asset: AssetRecord) => toGlobalId('Asset', asset.id),
  claim: (asset: AssetRecord) => (asset.claim ?? null) as ClaimRecord | null,
  tags: (asset: AssetRecord) => [...asset.tags],
  url: (asset: AssetRecord, _args: unknown, { urls }: Context) => urls.asset(asset),
  job: (asset: AssetRecord, _args: unknown, { loaders }: Context) => (asset.jobId === null ? null : loaders.job.load(asset.jobId)),
  parents: async (asset: AssetRecord, page: PageInput, { loaders }: Context) => listing(await loaders.relatives('parents', page).load(asset.id), null),
  children: async (asset: AssetRecord, page: PageInput, { loaders }: Context) => listing(await loaders.relatives('children', page).load(asset.id), null),
};

/** The fields of what can be seen. */
export const pictureFields = {
  width: (asset: AssetRecord) => present(asset, 'width', asset.width),
  height: (asset: AssetRecord) => present(asset, 'height', asset.height),
  thumbnailUrl: (asset: AssetRecord, _args: unknown, { urls }: Context) => urls.thumbnail(asset),
  thumbhash: (asset: AssetRecord) => asset.thumbhash ?? '',
};

/** A column that assets of this kind always have. */
export function present<T>(asset: AssetRecord, name: string, value: T | null): T {
  if (value === null) throw new Error(`${asset.kind} asset ${asset.id} has no ${name}`);
  return value;
}
