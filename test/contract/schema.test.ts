import { isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType, isObjectType, isSpecifiedScalarType, parse, validateSchema } from 'graphql';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configMarkdown, errorSdl, errorsMarkdown } from '../../scripts/write-docs.ts';
import { ERRORS } from '../../src/errors.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import { DEFAULT_QUERY } from '../../src/server/pages/default-query.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const schema = loadSchema();
const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));

/** Every type, field, argument, input field and enum value, with its description. */
function* described(): Generator<readonly [string, string | null | undefined]> {
  for (const type of types) {
    yield [type.name, type.description];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field.description];
      if ('args' in field) for (const argument of field.args) yield [`${type.name}.${field.name}(${argument.name})`, argument.description];
    }
  }
}

describe('the schema', () => {
  it('is valid', () => {
    expect(validateSchema(schema)).toEqual([]);
  });

  it('describes everything', () => {
    const all = [...described()];
    expect(all.length).toBeGreaterThan(200);
    expect(all.filter(([, description]) => !description?.trim()).map(([name]) => name)).toEqual([]);
  });

  it('has ids in nodes alone', () => {
    const withId = types.filter((type) => isObjectType(type) && 'id' in type.getFields());
    expect(withId.length).toBeGreaterThan(3);
    expect(withId.filter((type) => isObjectType(type) && !type.getInterfaces().some((parent) => parent.name === 'Node')).map((type) => type.name)).toEqual([]);
  });

  it('follows Relay: mutations take one input and answer with user errors, lists of nodes are connections', () => {
    for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
      expect(field.args.map((argument) => argument.name)).toEqual(['input']);
      const payload = schema.getType(String(field.type).replace('!', ''));
      expect(isObjectType(payload) && Object.keys(payload.getFields())).toContain('userErrors');
    }
    for (const name of ['AssetConnection', 'JobConnection', 'ApiKeyConnection']) {
      const connection = schema.getType(name);
      expect(isObjectType(connection) && Object.keys(connection.getFields())).toEqual(['edges', 'nodes', 'pageInfo', 'totalCount']);
    }
  });

  it('has exactly the error codes of the table', () => {
    const codes = schema.getType('ErrorCode');
    expect(isEnumType(codes) && codes.getValues().map((value) => value.name)).toEqual(Object.keys(ERRORS));
  });
});

describe('written files', () => {
  it.each([
    ['docs/ERRORS.md', errorsMarkdown],
    ['docs/CONFIG.md', configMarkdown],
    ['schema/error.graphql', errorSdl],
  ])('%s is up to date (npm run docs)', async (file, write) => {
    expect(await readFile(resolve(ROOT, file), 'utf8')).toBe(write());
  });

  it('the query that GraphiQL shows is valid', async () => {
    const { validate } = await import('graphql');
    expect(validate(schema, parse(DEFAULT_QUERY))).toEqual([]);
  });
});
