import type { ShotResolvers } from '../generated/graphql.ts';

export const Shot: ShotResolvers = {
  async asset({ index, jobId, assetId }, _args, { loaders }) {
    const made = (await loaders.shotsByJob.load(jobId)).find((asset) => asset.shot === index);
    return made ?? (assetId === null ? null : loaders.asset.load(assetId));
  },
};
