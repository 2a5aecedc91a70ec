import type { ApiKeyResolvers } from '../generated/graphql.ts';
import { toGlobalId } from './global-id.ts';

export const ApiKey: ApiKeyResolvers = {
  id: (key) => toGlobalId('ApiKey', key.id),
  scopes: (key) => [...key.scopes],
  usable: ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > new Date()),
};
