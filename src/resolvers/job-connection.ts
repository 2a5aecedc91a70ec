import type { JobConnectionResolvers } from '../generated/graphql.ts';
import { connectionFields } from './connection.ts';

export const JobConnection: JobConnectionResolvers = connectionFields;
