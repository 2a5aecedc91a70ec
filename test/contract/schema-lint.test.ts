import { ESLint } from 'eslint';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const eslint = new ESLint({ cwd: ROOT, overrideConfigFile: resolve(ROOT, 'eslint.config.mjs') });

it('graphql-eslint, schema-all and schema-relay, finds nothing', async () => {
  const results = await eslint.lintFiles(['schema/*.graphql']);
  expect(results.length).toBeGreaterThan(7);
  expect(results.flatMap(({ filePath, messages }) => messages.map(({ line, ruleId, message }) => `${filePath}:${line} ${ruleId} ${message}`))).toEqual([]);
});

it('would find what is wrong', async () => {
  const planted = 'type planted_connection { Nodes: [String] }\nextend type Query { things: PlantedConnection! }\n"Planted."\ntype PlantedConnection {\n  "Wrong."\n  edges: [String!]!\n}\n';
  const [result] = await eslint.lintText(planted, { filePath: resolve(ROOT, 'schema/system.graphql') });
  const rules = new Set(result?.messages.map(({ ruleId }) => ruleId?.replace('@graphql-eslint/', '')));
  expect([...rules]).toEqual(expect.arrayContaining(['naming-convention', 'require-description', 'relay-connection-types', 'no-unreachable-types']));
});
