import { loadFilesSync } from '@graphql-tools/load-files';
import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLSchema } from 'graphql';
import { resolve } from 'node:path';
import { guardRootFields } from './scopes.ts';
import { resolvers } from '../../resolvers/index.ts';

const SCHEMA_DIR = resolve(import.meta.dirname, '../../../schema');

/** Throws when a resolver has no field in the SDL. */
export function loadSchema(): GraphQLSchema {
  const typeDefs: string[] = loadFilesSync(SCHEMA_DIR, { extensions: ['graphql'] });
  const schema = makeExecutableSchema({
    typeDefs,
    resolvers,
    resolverValidationOptions: { requireResolversToMatchSchema: 'error' },
  });
  return guardRootFields(schema);
}
