import { CinegraphError } from '../errors.ts';
import type { QueryResolvers } from '../generated/graphql.ts';
import type { AssetFilter, JobFilter } from '../services/contract.ts';
import { listing } from './connection.ts';
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
  async assets(_root, { first, after, filter, orderBy }, { services, viewer }) {
    const conditions: AssetFilter = filter ?? {};
    const page = await services.assets.list(viewer, { first, after: after ?? null }, conditions, orderBy ?? 'NEWEST');
    return listing(page, after, () => services.assets.count(viewer, conditions));
  },
  async jobs(_root, { first, after, filter }, { services, viewer }) {
    const conditions: JobFilter = filter ?? {};
    const page = await services.jobs.list(viewer, { first, after: after ?? null }, conditions);
    return listing(page, after, () => services.jobs.count(viewer, conditions));
  },
  models: (_root, _args, { loaders }) => loaders.loadedModels(),
  system: (_root, _args, { loaders }) => loaders.system(),
};
