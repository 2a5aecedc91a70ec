import { loadFilesSync } from '@graphql-tools/load-files';
import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLSchema } from 'graphql';
import { resolve } from 'node:path';
import { resolvers } from '../../resolvers/index.ts';

const SCHEMA_DIR = resolve(import.meta.dirname, '../../../schema');

/** Throws when a resolver has no field in the SDL. */
export function loadSchema(): GraphQLSchema {
  const typeDefs: string[] = loadFilesSync(SCHEMA_DIR, { extensions: ['graphql'] });
  return makeExecutableSchema({
    typeDefs,
    resolvers,
    resolverValidationOptions: { requireResolversToMatchSchema: 'error' },
  });
}
