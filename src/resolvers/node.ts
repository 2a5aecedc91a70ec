import type { NodeResolvers } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import { Asset } from './asset.ts';
import { fromGlobalId } from './global-id.ts';
import type { NodeSource } from './sources.ts';

export const Node: Pick<NodeResolvers, '__resolveType'> = {
  __resolveType(node, context, info) {
    if ('failingSince' in node) return 'Webhook';
    if ('webhookId' in node) return 'WebhookDelivery';
    if ('bundle' in node) return 'Model';
    if ('prefix' in node) return 'ApiKey';
    if ('received' in node) return 'Upload';
    if ('sha256' in node) return Asset.__resolveType(node, context, info);
    return 'Job';
  },
};

/** Null when nothing has this id, or when it is not the viewer's. Throws INVALID_ID. */
export function loadNode(id: string, field: readonly string[], { loaders }: Context): Promise<NodeSource | null> {
  const { type, key } = fromGlobalId(id, field);
  switch (type) {
    case 'Job':
      return loaders.job.load(key);
    case 'Asset':
      return loaders.asset.load(key);
    case 'ApiKey':
      return loaders.apiKey.load(key);
    case 'Upload':
      return loaders.upload.load(key);
    case 'Webhook':
      return loaders.webhook.load(key);
    case 'WebhookDelivery':
      return loaders.webhookDelivery.load(key);
    case 'Model':
      return loaders.loadedModels().then((models) => models.find((model) => model.name === key) ?? null);
  }
}
