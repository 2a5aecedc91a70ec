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
import type { Admission } from './admission.ts';
import { checkDocument } from './limits.ts';
import { maskError, type ErrorLog } from './mask.ts';
import type { TrustedDocuments } from './trusted-documents.ts';

export interface OperationRequest {
  /** May be left out where documents have ids. */
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

type Results = AsyncGenerator<ExecutionResult> | ExecutionResult;

/** From the text of an operation to masked results, the same for graphql-ws and SSE. */
export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** Finds the document, parses and validates it within the limits, and charges its caller. */
  prepare(request: OperationRequest, context: Context): Promise<ExecutionArgs | readonly GraphQLError[]>;
  execute(args: ExecutionArgs): Promise<ExecutionResult>;
  subscribe(args: ExecutionArgs): Promise<Results>;
}

export interface PipelineParts {
  readonly schema: GraphQLSchema;
  readonly rules: readonly ValidationRule[];
  readonly maxTokens: number;
  readonly admission: Admission;
  /** Undefined: every document may run. */
  readonly trusted: TrustedDocuments | undefined;
  readonly log: ErrorLog;
}

export function createPipeline({ schema, rules, maxTokens, admission, trusted, log }: PipelineParts): Pipeline {
  const masked = (result: ExecutionResult): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => maskError(error, log)) };
  /** `extensions.cost`, on the first result of an operation. */
  const priced = (result: ExecutionResult, { contextValue }: ExecutionArgs): ExecutionResult => {
    const cost = admission.report(contextValue as Context);
    return cost === undefined ? result : { ...result, extensions: { ...result.extensions, cost } };
  };
  return {
    schema,
    async prepare(request, contextValue) {
      try {
        const query = trusted === undefined ? request.query : trusted.resolve(request);
        if (query == null) return [invalid('query must be a string.')];
        const document = checkDocument(schema, query, rules, maxTokens);
        if ('length' in document) return document.map((error) => asInvalid(maskError(error, log)));
        const operationName = request.operationName ?? undefined;
        if (getOperationAST(document, operationName) == null) return [invalid('operationName does not name exactly one operation of the document.')];
        const variableValues = request.variables ?? {};
        await admission.admit({ document, operationName, variables: variableValues, context: contextValue });
        return { schema, document, contextValue, variableValues, ...(operationName === undefined ? {} : { operationName }) };
      } catch (error) {
        return [error instanceof GraphQLError ? asInvalid(error, 'GRAPHQL_PARSE_FAILED') : maskError(error, log)];
      }
    },
    async execute(args) {
      return priced(masked(await execute(args)), args);
    },
    async subscribe(args) {
      const results = await subscribe(args);
      if (!(Symbol.asyncIterator in results)) return priced(masked(results), args);
      let first = true;
      const price = (result: ExecutionResult): ExecutionResult => {
        const answer = first ? priced(masked(result), args) : masked(result);
        first = false;
        return answer;
      };
      return maskedResults(results, price, log);
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

function asInvalid(error: GraphQLError, usual = 'GRAPHQL_VALIDATION_FAILED'): GraphQLError {
  const { code = usual } = error.extensions;
  return new GraphQLError(error.message, { nodes: error.nodes ?? null, source: error.source ?? null, positions: error.positions ?? null, extensions: { ...error.extensions, code } });
}

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
}
