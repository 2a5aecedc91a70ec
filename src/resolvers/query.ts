import { CinegraphError } from '../errors.ts';
import type { AssetFilter as AssetFilterInput, QueryResolvers } from '../generated/graphql.ts';
import type { AssetFilter, JobFilter } from '../services/contract.ts';
import { listing } from './connection.ts';
import { toGenerateInput } from './generate-input.ts';
import { keyOf } from './global-id.ts';
import { loadNode } from './node.ts';

const MAX_NODES = 100;

export const Query: QueryResolvers = {
  node: (_root, { id }, context) => loadNode(id, ['id'], context),
  nodes(_root, { ids }, context) {
    if (ids.length > MAX_NODES) {
      throw new CinegraphError('INVALID_INPUT', `ids has ${ids.length} items; at most ${MAX_NODES} are allowed.`, { field: ['ids'] });
    }
    return Promise.all(ids.map((id, index) => loadNode(id, ['ids', String(index)], context)));
  },
  async assets(_root, { filter, orderBy, ...page }, { services, viewer }) {
    const conditions = assetFilter(filter ?? {});
    return listing(await services.assets.list(viewer, page, conditions, orderBy ?? 'NEWEST'), () => services.assets.count(viewer, conditions));
  },
  async jobs(_root, { filter, ...page }, { services, viewer }) {
    const conditions: JobFilter = filter ?? {};
    return listing(await services.jobs.list(viewer, page, conditions), () => services.jobs.count(viewer, conditions));
  },
  webhooks: async (_root, page, { services, viewer }) => listing(await services.webhooks.list(viewer, page), () => services.webhooks.count(viewer)),
  estimate: (_root, { input }, { services, viewer }) => services.generation.estimate(viewer, toGenerateInput(input)),
  viewer: (_root, _args, { viewer }) => viewer,
  async apiKeys(_root, { filter, ...page }, { services, viewer }) {
    return listing(await services.keys.list(viewer, page, filter ?? {}), () => services.keys.count(viewer, filter ?? {}));
  },
  models: (_root, _args, { loaders }) => loaders.loadedModels(),
  system: (_root, _args, { loaders }) => loaders.system(),
};

function assetFilter({ model, descendantOf, ...rest }: AssetFilterInput): AssetFilter {
  return {
    ...rest,
    ...(model == null ? {} : { model: keyOf('Model', model, ['filter', 'model']) }),
    ...(descendantOf == null ? {} : { descendantOf: keyOf('Asset', descendantOf, ['filter', 'descendantOf']) }),
  };
}
