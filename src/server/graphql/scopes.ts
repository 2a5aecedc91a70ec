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

/** A mutation that was refused for now says so in its user errors; over HTTP the time also goes into `Retry-After`. */
function noteRetryAfter(result: unknown, context: Context): void {
  if (typeof result !== 'object' || result === null || !('userErrors' in result) || !Array.isArray(result.userErrors)) return;
  for (const { retryAfterMs } of result.userErrors as readonly { readonly retryAfterMs?: number | null }[]) {
    if (retryAfterMs != null) context.retryAfterMs = Math.max(context.retryAfterMs ?? 0, retryAfterMs);
  }
}

function guardFields(fields: GraphQLFieldMap<unknown, Context> | undefined, usual: Scope, step: 'resolve' | 'subscribe'): void {
  for (const field of Object.values(fields ?? {})) {
    const scope = EXCEPTIONS[field.name] === undefined ? usual : EXCEPTIONS[field.name];
    const work = field[step] ?? defaultFieldResolver;
    field[step] = async (source, args, context, info) => {
      if (scope != null) requireScope(context.viewer, scope);
      const result: unknown = await work(source, args, context, info);
      noteRetryAfter(result, context);
      return result;
    };
  }
}
