import { GraphQLError } from 'graphql';
import { expect, it } from 'vitest';
import { maskError } from '../../../src/server/graphql/mask.ts';

const wrapped = (originalError: Error): GraphQLError => new GraphQLError(originalError.message, { originalError });
const seen = (error: unknown) => {
  const logged: unknown[] = [];
  const { message, extensions } = maskError(error, { error: (...line: unknown[]) => void logged.push(line) });
  return { message, code: extensions['code'], retryable: extensions['retryable'], logged: logged.length };
};

it.each(['timeout exceeded when trying to connect', 'Query read timeout', 'Connection terminated unexpectedly'])('%j is a database that does not answer, wherever it was asked', (message) => {
  expect(seen(wrapped(new Error(message)))).toEqual({ message: 'The database does not answer.', code: 'DATABASE_UNAVAILABLE', retryable: true, logged: 1 });
});

it('what a document says is no fault of the database', () => {
  const error = new GraphQLError('Syntax Error: Unexpected Name "Connection terminated".', { extensions: { code: 'GRAPHQL_PARSE_FAILED' } });
  expect(seen(error)).toMatchObject({ code: 'GRAPHQL_PARSE_FAILED', logged: 0 });
});

it('anything else is an id in the log', () => {
  expect(seen(wrapped(new Error('the key is swordfish')))).toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('swordfish') as string, logged: 1 });
});
