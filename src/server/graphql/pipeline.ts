import {
  execute,
  getOperationAST,
  GraphQLError,
  subscribe,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  type ValidationRule,
} from 'graphql';
import type { Context } from '../../resolvers/context.ts';
import { checkDocument } from './limits.ts';
import { maskError, type ErrorLog } from './mask.ts';

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

type Results = AsyncGenerator<ExecutionResult> | ExecutionResult;

/** From the text of an operation to masked results, the same for graphql-ws and SSE. */
export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** Parses and validates within the limits. */
  prepare(request: OperationRequest, context: Context): ExecutionArgs | readonly GraphQLError[];
  execute(args: ExecutionArgs): Promise<ExecutionResult>;
  subscribe(args: ExecutionArgs): Promise<Results>;
}

export function createPipeline(schema: GraphQLSchema, rules: readonly ValidationRule[], log: ErrorLog): Pipeline {
  const masked = (result: ExecutionResult): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => maskError(error, log)) };
  return {
    schema,
    prepare(request, contextValue) {
      try {
        const document = checkDocument(schema, request.query, rules);
        if ('length' in document) return document.map(asInvalid);
        const operationName = request.operationName ?? undefined;
        if (getOperationAST(document, operationName) == null) return [invalid('operationName does not name exactly one operation of the document.')];
        return { schema, document, contextValue, variableValues: request.variables ?? {}, ...(operationName === undefined ? {} : { operationName }) };
      } catch (error) {
        return [error instanceof GraphQLError ? asInvalid(error) : maskError(error, log)];
      }
    },
    async execute(args) {
      return masked(await execute(args));
    },
    async subscribe(args) {
      const results = await subscribe(args);
      return Symbol.asyncIterator in results ? maskedResults(results, masked, log) : masked(results);
    },
  };
}

/** An error thrown between two events becomes the last result; thrown through, it would close the whole socket. */
function maskedResults(
  results: AsyncGenerator<ExecutionResult, void, void>,
  masked: (result: ExecutionResult) => ExecutionResult,
  log: ErrorLog,
): AsyncGenerator<ExecutionResult> {
  let failed = false;
  const iterator: AsyncGenerator<ExecutionResult> = {
    async next() {
      if (failed) return { done: true, value: undefined };
      try {
        const result = await results.next();
        return result.done === true ? { done: true, value: undefined } : { done: false, value: masked(result.value) };
      } catch (error) {
        failed = true;
        return { done: false, value: { errors: [maskError(error, log)] } };
      }
    },
    async return() {
      await results.return();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await results.return();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
    async [Symbol.asyncDispose]() {
      await results.return();
    },
  };
  return iterator;
}

function asInvalid(error: GraphQLError): GraphQLError {
  const { code = 'GRAPHQL_VALIDATION_FAILED' } = error.extensions;
  return new GraphQLError(error.message, { nodes: error.nodes ?? null, source: error.source ?? null, positions: error.positions ?? null, extensions: { ...error.extensions, code } });
}

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
}
