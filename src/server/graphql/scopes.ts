import { defaultFieldResolver, type GraphQLFieldMap, type GraphQLSchema } from 'graphql';
import type { Context } from '../../resolvers/context.ts';
import { requireScope, type Scope } from '../../services/access/caller.ts';

/** Root fields that need another scope than the rest of their type; null: none. */
const EXCEPTIONS: Readonly<Record<string, Scope | null>> = { viewer: null, apiKeys: 'KEYS', createApiKey: 'KEYS', revokeApiKey: 'KEYS' };

/** Every root field, whoever adds it, first asks for its scope: reading for queries and subscriptions, writing for mutations. Mutates the schema. */
export function guardRootFields(schema: GraphQLSchema): GraphQLSchema {
  guardFields(schema.getQueryType()?.getFields(), 'READ', 'resolve');
  guardFields(schema.getMutationType()?.getFields(), 'WRITE', 'resolve');
  guardFields(schema.getSubscriptionType()?.getFields(), 'READ', 'subscribe');
  return schema;
}

function guardFields(fields: GraphQLFieldMap<unknown, Context> | undefined, usual: Scope, step: 'resolve' | 'subscribe'): void {
  for (const field of Object.values(fields ?? {})) {
    const scope = EXCEPTIONS[field.name] === undefined ? usual : EXCEPTIONS[field.name];
    const work = field[step] ?? defaultFieldResolver;
    field[step] = (source, args, context, info) => {
      if (scope != null) requireScope(context.viewer, scope);
      return work(source, args, context, info);
    };
  }
}
