import { ApolloServer, HeaderMap, type ApolloServerOptions, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { expressMiddleware } from '@as-integrations/express5';
import type { Request, RequestHandler } from 'express';
import { GraphQLError, OperationTypeNode, type DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { CinegraphError } from '../../errors.ts';
import type { Context } from '../../resolvers/context.ts';
import type { Admission } from './admission.ts';
import { maskError } from './mask.ts';
import type { PipelineParts } from './pipeline.ts';

const DOCUMENTS_KEPT = 500;
/** For who sends a subscription here: one answer is not what it asks for. */
const NO_STREAM = 'A subscription is answered over WebSocket at /graphql (subprotocol graphql-transport-ws), or as server-sent events by POST or GET at /graphql/stream.';
type DocumentStore = NonNullable<ApolloServerOptions<Context>['documentStore']>;

export interface HttpEndpoint {
  readonly handler: RequestHandler;
  stop(): Promise<void>;
}

/** GraphQL over HTTP. Batching is off, preflight is required (CSRF), introspection is on. */
export async function createHttpEndpoint({ schema, rules, maxTokens, admission, log }: PipelineParts, contextOf: (request: Request) => Context): Promise<HttpEndpoint> {
  const apollo = new ApolloServer<Context>({
    schema,
    validationRules: [...rules],
    parseOptions: { maxTokens },
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    documentStore: parsedDocuments(),
    stopOnTerminationSignals: false,
    formatError(formatted, error) {
      const masked = maskError(error, log);
      return masked === error ? formatted : masked.toJSON();
    },
    plugins: [ApolloServerPluginLandingPageDisabled(), admissionPlugin(admission)],
    nodeEnv: 'production',
  });
  await apollo.start();
  return {
    handler: expressMiddleware(apollo, { context: ({ req }) => Promise.resolve(contextOf(req)) }),
    stop: () => apollo.stop(),
  };
}

/** Apollo's own store counts the bytes of a document as JSON; what a parsed one holds in memory is many times that. */
function parsedDocuments(): DocumentStore {
  const documents = new LRUCache<string, DocumentNode>({ max: DOCUMENTS_KEPT });
  return {
    get: (key) => Promise.resolve(documents.get(key)),
    set(key, document) {
      documents.set(key, document);
      return Promise.resolve();
    },
    delete: (key) => Promise.resolve(documents.delete(key)),
  };
}

/** What the pipeline does for the other transports: the charge before an operation, its cost and when to come back after it. */
function admissionPlugin(admission: Admission): ApolloServerPlugin<Context> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        async didResolveOperation({ document, operation, request, contextValue }) {
          if (operation?.operation === OperationTypeNode.SUBSCRIPTION) throw new GraphQLError(NO_STREAM, { extensions: { code: 'BAD_REQUEST', ...head(400) } });
          const operationName = operation?.name?.value;
          await admission.admit({ document, operationName, variables: request.variables ?? {}, context: contextValue }).catch((error: unknown) => {
            throw withStatus(error);
          });
        },
        willSendResponse({ response: { body, http }, contextValue }) {
          const cost = admission.report(contextValue);
          if (cost !== undefined && body.kind === 'single') body.singleResult.extensions = { ...body.singleResult.extensions, cost };
          if (contextValue.retryAfterMs !== undefined) http.headers.set('retry-after', String(Math.ceil(contextValue.retryAfterMs / 1000)));
          return Promise.resolve();
        },
      }),
  };
}

/** Apollo takes the status and the headers of its answer from the error. */
function withStatus(error: unknown): unknown {
  if (error instanceof GraphQLError) return new GraphQLError(error.message, { nodes: error.nodes ?? null, extensions: { ...error.extensions, ...head(400) } });
  if (!(error instanceof CinegraphError)) return error;
  return new GraphQLError(error.message, { originalError: error, extensions: head(error.status, error.retryAfterMs) });
}

function head(status: number, retryAfterMs?: number): Record<string, unknown> {
  const headers = new HeaderMap();
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  return { http: { status, headers } };
}
