import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { expressMiddleware } from '@as-integrations/express5';
import type { Request, RequestHandler } from 'express';
import type { GraphQLSchema, ValidationRule } from 'graphql';
import type { Context } from '../../resolvers/context.ts';
import { MAX_TOKENS } from './limits.ts';
import { maskError, type ErrorLog } from './mask.ts';

export interface HttpEndpoint {
  readonly handler: RequestHandler;
  stop(): Promise<void>;
}

/** GraphQL over HTTP. Batching is off, preflight is required (CSRF), introspection is on. */
export async function createHttpEndpoint(
  schema: GraphQLSchema,
  rules: readonly ValidationRule[],
  contextOf: (request: Request) => Context,
  log: ErrorLog,
): Promise<HttpEndpoint> {
  const apollo = new ApolloServer<Context>({
    schema,
    validationRules: [...rules],
    parseOptions: { maxTokens: MAX_TOKENS },
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    formatError(formatted, error) {
      const masked = maskError(error, log);
      return masked === error ? formatted : masked.toJSON();
    },
    plugins: [ApolloServerPluginLandingPageDisabled()],
    nodeEnv: 'production',
  });
  await apollo.start();
  return {
    handler: expressMiddleware(apollo, { context: ({ req }) => Promise.resolve(contextOf(req)) }),
    stop: () => apollo.stop(),
  };
}
