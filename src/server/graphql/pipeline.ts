import {
  createSourceEventStream,
  execute,
  getOperationAST,
  GraphQLError,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  type ValidationRule,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Context } from '../../resolvers/context.ts';
import type { Admission } from './admission.ts';
import { checkDocument } from './limits.ts';
import { maskError, type ErrorLog } from './mask.ts';
import { formOf, SharedResults } from './shared-results.ts';
import type { TrustedDocuments } from './trusted-documents.ts';

export interface OperationRequest {
  /** May be left out where documents have ids. */
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Documents that are kept parsed and found valid, by their length in all: a parsed one holds many times its text. */
const MOST_CHARACTERS = 1_000_000;

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
  const documents = new LRUCache<string, DocumentNode>({ maxSize: MOST_CHARACTERS, sizeCalculation: (_document, text) => text.length });
  const shared = new SharedResults();
  return {
    schema,
    async prepare(request, contextValue) {
      try {
        const query = trusted === undefined ? request.query : trusted.resolve(request);
        if (query == null) return [invalid('query must be a string.')];
        const known = documents.get(query);
        const document = known ?? checkDocument(schema, query, rules, maxTokens);
        if ('length' in document) return document.map((error) => asInvalid(maskError(error, log)));
        if (known === undefined) documents.set(query, document);
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
      const events = (await createSourceEventStream(args)) as AsyncIterableIterator<object> | ExecutionResult;
      if (!(Symbol.asyncIterator in events)) return priced(masked(events), args);
      const form = formOf(args);
      let first = true;
      const resultOf = async (event: object): Promise<ExecutionResult> => {
        const result = await shared.of(event, form, async () => masked(await execute({ ...args, rootValue: event })));
        const answer = first ? priced(result, args) : result;
        first = false;
        return answer;
      };
      return mappedResults(events, resultOf, log);
    },
  };
}

/** An error thrown between two events becomes the last result; thrown through, it would close the whole socket. */
function mappedResults(events: AsyncIterableIterator<object>, resultOf: (event: object) => Promise<ExecutionResult>, log: ErrorLog): AsyncGenerator<ExecutionResult> {
  let failed = false;
  const leave = async (): Promise<void> => void (await events.return?.());
  const iterator: AsyncGenerator<ExecutionResult> = {
    async next() {
      if (failed) return { done: true, value: undefined };
      try {
        const event = await events.next();
        return event.done === true ? { done: true, value: undefined } : { done: false, value: await resultOf(event.value) };
      } catch (error) {
        failed = true;
        await leave().catch(() => undefined);
        return { done: false, value: { errors: [maskError(error, log)] } };
      }
    },
    async return() {
      await leave();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: leave,
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
