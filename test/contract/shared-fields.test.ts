/** GraphQL has no fragments for inputs: what the inputs of all tasks have in common is written out in each, and held together here. */
import { getNamedType, type GraphQLInputField, type GraphQLInputObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../src/server/graphql/schema.ts';

const generate = loadSchema().getType('GenerateInput') as GraphQLInputObjectType;
const inputs = Object.values(generate.getFields()).map(({ type }) => getNamedType(type) as GraphQLInputObjectType);

/** What every task says in words of its own. */
const OWN_WORDS = new Set(['prompt', 'withAudio']);
/** Every input has these; a film has one candidate. */
const IN_ALL = ['seed', 'sampling', 'idempotencyKey', 'model', 'tags', 'title', 'deadlineMs'];

const fieldsOf = (name: string): readonly GraphQLInputField[] => inputs.flatMap((input) => input.getFields()[name] ?? []);
const names = [...new Set(inputs.flatMap((input) => Object.keys(input.getFields())))];
const shared = names.filter((name) => fieldsOf(name).length > 1);

/** The description without what the task makes and is given: `the same clip` and `the same sound` are alike. */
function alike({ description }: GraphQLInputField): string | undefined {
  return description?.replaceAll(/\b(?:images?|clips?|sound|text|film|ones|outputs)\b( and of its shots)?/g, '(what is made)').replaceAll(/\b(?:prompt|input|shots)\b/g, '(what is given)');
}

describe('what the inputs of the tasks have in common', () => {
  it('is in all of them', () => {
    expect(inputs.length).toBeGreaterThan(10);
    expect(inputs.filter((input) => IN_ALL.some((name) => input.getFields()[name] === undefined)).map(String)).toEqual([]);
    expect(inputs.filter((input) => input.getFields()['candidates'] === undefined).map(String)).toEqual(['CreateFilmInput']);
    expect(shared.length).toBeGreaterThan(IN_ALL.length);
  });

  it.each(shared)('%s has one default and one type, up to being needed', (name) => {
    const [first, ...others] = fieldsOf(name);
    for (const field of others) expect([String(getNamedType(field.type)), field.defaultValue]).toEqual([String(first && getNamedType(first.type)), first?.defaultValue]);
    if (!OWN_WORDS.has(name)) expect(new Set(fieldsOf(name).map(({ type }) => String(type))).size).toBe(1);
  });

  it.each(shared.filter((name) => !OWN_WORDS.has(name)))('%s is described alike', (name) => {
    expect([...new Set(fieldsOf(name).map(alike))]).toHaveLength(1);
  });
});
