import { type DocumentNode, GraphQLError, type GraphQLSchema } from 'graphql';
import type { Context } from '../../resolvers/context.ts';
import type { Budget, CostReport } from './budget.ts';
import { costOf } from './cost.ts';

export interface Admissible {
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: Context;
}

/** The last check before an operation runs, the same for every transport: what it costs, and whether its caller can still pay. */
export interface Admission {
  /** Throws DOCUMENT_TOO_COMPLEX, RATE_LIMITED, or a GraphQLError for variables that do not fit. */
  admit(operation: Admissible): Promise<void>;
  /** What an admitted operation has cost. */
  report(context: Context): CostReport | undefined;
}

export function createAdmission(schema: GraphQLSchema, budget: Budget): Admission {
  const reports = new WeakMap<Context, CostReport>();
  return {
    async admit({ document, operationName, variables, context }) {
      reports.set(context, await budget.spend(context.viewer, price({ schema, document, operationName, variables })));
    },
    report: (context) => reports.get(context),
  };
}

function price(operation: Parameters<typeof costOf>[0]): number {
  try {
    return costOf(operation);
  } catch (error) {
    if (error instanceof GraphQLError && error.extensions['code'] === undefined) error.extensions['code'] = 'BAD_USER_INPUT';
    throw error;
  }
}
