import { getNamedType, isCompositeType, isIntrospectionType, isListType, isNonNullType, type DocumentNode, type GraphQLOutputType, type GraphQLSchema } from 'graphql';
import { getComplexity, type ComplexityEstimatorArgs } from 'graphql-query-complexity';

/** What a mutation costs on top of what it selects: it writes. */
const MUTATION_COST = 10;
/** Items to expect of a list that says no size: the outputs of a job, the frames of an event. */
const USUAL_LIST = 4;
const MOST_SELECTIONS = 10_000;

export interface CostedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * What an operation may cost, in points: one for each object that it can return. A page counts `first` (or `last`) times what it selects
 * of an item, pages within pages multiply, and a mutation costs ten more. Scalars are free. At least 1.
 * Throws a GraphQLError for variables that do not fit.
 */
export function costOf({ schema, document, operationName, variables }: CostedOperation): number {
  const cost = getComplexity({
    schema,
    query: document,
    variables: { ...variables },
    ...(operationName === undefined ? {} : { operationName }),
    maxQueryNodes: MOST_SELECTIONS,
    estimators: [(field) => costOfField(schema, field)],
  });
  return Math.max(1, cost);
}

function costOfField(schema: GraphQLSchema, { args, childComplexity, field, type }: ComplexityEstimatorArgs): number {
  const named = getNamedType(field.type);
  const own = type === schema.getMutationType() ? MUTATION_COST : 0;
  if (!isCompositeType(named) || named.name === 'PageInfo' || isIntrospectionType(named)) return own;
  const size = pageSize(args);
  // The connection is one, its items are as many as were asked for.
  if (size !== undefined) return own + 1 + size * childComplexity;
  // `edges`, `nodes` and `node` are counted by the page around them; what they hold is one object each.
  if (type.name.endsWith('Connection')) return 1 + childComplexity;
  if (type.name.endsWith('Edge')) return childComplexity;
  return own + (isList(field.type) ? listSize(args) * (1 + childComplexity) : 1 + childComplexity);
}

function pageSize({ first, last }: ComplexityEstimatorArgs['args']): number | undefined {
  const size: unknown = first ?? last;
  return typeof size === 'number' ? Math.max(0, size) : undefined;
}

function listSize({ ids }: ComplexityEstimatorArgs['args']): number {
  return Array.isArray(ids) ? ids.length : USUAL_LIST;
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}
