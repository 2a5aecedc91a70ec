import {
  buildSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isObjectType,
  Kind,
  parse,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLSchema,
} from 'graphql';
import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import * as generated from '../../../src/client/generated/operations.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = async (folder: string) => (await Promise.all((await readdir(resolve(ROOT, folder))).map((name) => readFile(resolve(ROOT, folder, name), 'utf8')))).join('\n');

const schema: GraphQLSchema = buildSchema(await read('schema'));
const operations: DocumentNode = parse(await read('src/client/operations'));

/** Left out on purpose. */
const NOT_IN_CLIENT: Readonly<Record<string, string>> = {
  'Query.nodes': 'client.job and client.asset take one id; several are an operation of your own',
};

/** Every `Type.field` that the client's operations select. */
function selected(): Set<string> {
  const fields = new Set<string>();
  const types = new TypeInfo(schema);
  visit(operations, visitWithTypeInfo(types, {
    Field: () => {
      const [parent, field] = [types.getParentType(), types.getFieldDef()];
      if (parent && field) fields.add(`${parent.name}.${field.name}`);
    },
  }));
  return fields;
}

it('are valid, and every one of them is generated', () => {
  expect(validate(schema, operations)).toEqual([]);
  const documents = Object.values(generated).filter((value) => value instanceof generated.TypedDocumentString);
  expect(documents.length).toBe(operations.definitions.length);
  for (const document of documents) {
    const definitions = parse(document.toString());
    if (definitions.definitions.some((definition) => definition.kind === Kind.OPERATION_DEFINITION)) expect(validate(schema, definitions)).toEqual([]);
  }
});

it('use every field of Query, Mutation and Subscription; a task has a method through generate', () => {
  const used = selected();
  const missing = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((root) =>
    Object.values(root?.getFields() ?? {})
      .filter((field) => getNamedType(field.type).name !== 'GenerationPayload' || root !== schema.getMutationType() || !generated.TASK_NAMES.some((name) => name === field.name))
      .map((field) => `${root?.name}.${field.name}`)
      .filter((name) => !used.has(name) && !(name in NOT_IN_CLIENT)),
  );
  expect(missing).toEqual([]);
});

it('select something of every concrete type of an abstract one', () => {
  const used = selected();
  const missing = Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .flatMap((type) => schema.getPossibleTypes(type))
    .filter((type) => isObjectType(type) && !type.getInterfaces().some((parent) => Object.keys(parent.getFields()).length === Object.keys(type.getFields()).length))
    .map((type) => type.name)
    .filter((name) => ![...used].some((field) => field.startsWith(`${name}.`)));
  expect(missing).toEqual([]);
});

it('give every format that an asset comes in', () => {
  const given = new Set<string>();
  const types = new TypeInfo(schema);
  visit(operations, visitWithTypeInfo(types, {
    Field: (node) => {
      if (types.getParentType()?.name !== 'VideoAsset' || node.name.value !== 'url') return;
      for (const { value } of node.arguments ?? []) if (value.kind === Kind.ENUM) given.add(value.value);
    },
  }));
  const formats = schema.getType('VideoFormat');
  const others = isEnumType(formats) ? formats.getValues().map(({ name }) => name).filter((name) => name !== 'MP4') : [];
  expect([...given].sort()).toEqual(others.sort());
  expect(selected()).toContain('VideoAsset.spriteSheet');
});
