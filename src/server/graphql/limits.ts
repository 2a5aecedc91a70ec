import { ApolloArmor } from '@escape.tech/graphql-armor';
import { GraphQLError, parse, specifiedRules, validate, type DocumentNode, type GraphQLSchema, type ValidationContext, type ValidationRule } from 'graphql';
import type { Config } from '../../config.ts';
import { CinegraphError } from '../../errors.ts';

type DocumentLimits = Pick<Config['limits'], 'depth' | 'aliases' | 'directives' | 'tokens'>;

/**
 * How large a document may be, whatever its variables. The same rules hold over HTTP, graphql-ws and SSE: graphql-ws and SSE do not run
 * Apollo's plugins. What it costs with its variables is cost.ts. Introspection is on, so field suggestions hide nothing and stay on too.
 */
export function limitRules({ depth, aliases, directives }: DocumentLimits): ValidationRule[] {
  const refusal = { propagateOnRejection: false, onReject: [refuse] };
  const { validationRules } = new ApolloArmor({
    maxAliases: { n: aliases, allowList: [], ...refusal },
    maxDirectives: { n: directives, ...refusal },
    maxDepth: { n: depth, flattenFragments: true, ...refusal },
    costLimit: { enabled: false },
    maxTokens: { enabled: false },
    blockFieldSuggestion: { enabled: false },
  }).protect();
  return validationRules;
}

function refuse(context: ValidationContext | null, error: GraphQLError): void {
  const cause = new CinegraphError('DOCUMENT_TOO_COMPLEX', error.message.replace(/^Syntax Error: /, ''));
  context?.reportError(new GraphQLError(cause.message, { originalError: cause }));
}

/** Parses and validates within the limits. */
export function checkDocument(schema: GraphQLSchema, query: string, rules: readonly ValidationRule[], maxTokens: number): DocumentNode | readonly GraphQLError[] {
  const document = parse(query, { maxTokens });
  const errors = validate(schema, document, [...specifiedRules, ...rules], { maxErrors: 20 });
  return errors.length > 0 ? errors : document;
}
