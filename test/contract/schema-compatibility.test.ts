import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema, printSchema, type GraphQLSchema } from 'graphql';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { loadSchema } from '../../src/server/graphql/schema.ts';

const released = buildSchema(await readFile(resolve(import.meta.dirname, '../../docs/released.graphql'), 'utf8'));
const current = buildSchema(printSchema(loadSchema()));

async function breaking(from: GraphQLSchema, to: GraphQLSchema): Promise<string[]> {
  const changes = await diff(from, to);
  return changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking).map(({ message }) => message);
}

/** The current schema with one change; throws when there is nothing to change. */
function changed(from: string | RegExp, to: string): GraphQLSchema {
  const text = printSchema(current);
  const result = text.replace(from, to);
  if (result === text) throw new Error(`${from} is not in the schema`);
  return buildSchema(result);
}

it('breaks no client of the released schema (npm run release:schema takes the current one as released)', async () => {
  expect(await breaking(released, current)).toEqual([]);
});

it.each([
  ['a field that has another name', 'modelDigest: String!', 'modelHash: String!', /'modelDigest' was removed/],
  ['a field that may be null now', 'modelDigest: String!', 'modelDigest: String', /modelDigest' changed type from 'String!' to 'String'/],
  ['an argument that is needed now', 'nodes(', 'nodes(planted: Int!,', /planted/],
  ['an input field that is needed now', 'input CancelJobInput {', 'input CancelJobInput {\n  planted: String!', /planted/],
  ['an enum value that is gone', /\n {2}"""The job was canceled."""\n {2}CANCELED/, '', /'CANCELED' was removed/],
] as const)('notices %s', async (_what, from, to, message) => {
  expect(await breaking(current, changed(from, to))).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
});

it('lets a field be added', async () => {
  expect(await breaking(current, changed('type Job implements Node {', 'type Job implements Node {\n  planted: String'))).toEqual([]);
});
