import type { AssetConnectionResolvers } from '../generated/graphql.ts';
import { connectionFields } from './connection.ts';

export const AssetConnection: AssetConnectionResolvers = connectionFields;
