import { ApolloArmor } from '@escape.tech/graphql-armor';
import { parse, specifiedRules, validate, type DocumentNode, type GraphQLError, type GraphQLSchema, type ValidationRule } from 'graphql';

/** Longest document, in tokens. */
export const MAX_TOKENS = 2000;
/** Longest request body, in bytes. */
export const MAX_BODY_BYTES = 256 * 1024;

/**
 * What a document may cost. The same rules hold over HTTP, graphql-ws and SSE: graphql-ws and SSE do not run Apollo's plugins.
 * Introspection is on, so field suggestions hide nothing and stay on too.
 */
export function limitRules(): ValidationRule[] {
  const { validationRules } = new ApolloArmor({
    maxAliases: { n: 15, allowList: [] },
    maxDirectives: { n: 8 },
    maxDepth: { n: 12, flattenFragments: true },
    costLimit: { maxCost: 25_000, flattenFragments: true },
    maxTokens: { enabled: false },
    blockFieldSuggestion: { enabled: false },
  }).protect();
  return validationRules;
}

/** Parses and validates within the limits. */
export function checkDocument(schema: GraphQLSchema, query: string, rules: readonly ValidationRule[]): DocumentNode | readonly GraphQLError[] {
  const document = parse(query, { maxTokens: MAX_TOKENS });
  const errors = validate(schema, document, [...specifiedRules, ...rules], { maxErrors: 20 });
  return errors.length > 0 ? errors : document;
}
