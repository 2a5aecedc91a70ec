import type { ViewerResolvers } from '../generated/graphql.ts';

export const Viewer: ViewerResolvers = {
  authentication: ({ credential }) => credential.type,
  scopes: ({ scopes }) => [...scopes],
  apiKey: ({ credential }, _args, { loaders }) => (credential.type === 'API_KEY' ? loaders.apiKey.load(credential.keyId) : null),
};
