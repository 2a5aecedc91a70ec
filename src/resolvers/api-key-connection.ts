import type { ApiKeyConnectionResolvers } from '../generated/graphql.ts';
import { connectionFields } from './connection.ts';

export const ApiKeyConnection: ApiKeyConnectionResolvers = connectionFields;
