/** Random operations over a schema: valid by type more often than not, with values from harmless to absurd. Grows with the schema by itself. */
import {
  getNamedType, getNullableType, isAbstractType, isEnumType, isInputObjectType, isInterfaceType, isLeafType, isListType, isNonNullType, isObjectType,
  type GraphQLArgument, type GraphQLField, type GraphQLInputType, type GraphQLNamedOutputType, type GraphQLSchema,
} from 'graphql';
import { between } from './seeded.ts';

export interface RandomSource {
  readonly random: () => number;
  /** Ids of things that exist, so that a part of the documents reaches them. */
  readonly ids: readonly string[];
}

const MAX_DEPTH = 5;
const STRINGS = ['', ' ', 'a red ball', 'é\u0000\u{1F600}', "'; DROP TABLE asset; --", '%_\\', '"', '\ud800', 'x'.repeat(300), '-1', 'null', '../../etc/passwd', '{}', '<script>', 'a or -b "c', '\u202e'];
const INTS = [0, 1, -1, 2, 5, 50, 100, 101, 2_147_483_647, -2_147_483_648];
const FLOATS = [0, 1, -1, 0.5, 1e308, -1e308, 1e-300, 2.000001];
const DATES = ['2026-01-01T00:00:00.000Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-13-45T00:00:00Z', 'yesterday', '275760-09-13T00:00:00.001Z'];

export function randomDocument(schema: GraphQLSchema, source: RandomSource): string {
  const { random } = source;
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  const chance = (share: number) => random() < share;

  function value(type: GraphQLInputType, depth: number): string {
    if (!isNonNullType(type) && chance(0.08)) return 'null';
    const bare = getNullableType(type);
    if (chance(0.02)) return pick(['1', '"1"', '[]', '{}', 'X', 'true', 'null']);
    if (isListType(bare)) return `[${Array.from({ length: between(random, 0, 3) }, () => value(bare.ofType, depth + 1)).join(', ')}]`;
    if (isEnumType(bare)) return pick(bare.getValues()).name;
    if (isInputObjectType(bare)) {
      const all = Object.values(bare.getFields());
      const taken = bare.isOneOf ? [pick(all)] : all.filter((field) => isNonNullType(field.type) || (depth < MAX_DEPTH && chance(0.3)));
      return `{ ${taken.map((field) => `${field.name}: ${value(field.type, depth + 1)}`).join(', ')} }`;
    }
    switch (getNamedType(bare).name) {
      case 'Int':
        return String(chance(0.5) ? between(random, 1, 10) : pick(INTS));
      case 'Float':
        return String(pick(FLOATS));
      case 'Boolean':
        return String(chance(0.5));
      case 'ID':
        return JSON.stringify(chance(0.7) && source.ids.length > 0 ? pick(source.ids) : pick([...STRINGS, Buffer.from(`Job:${pick(STRINGS)}`).toString('base64url')]));
      case 'DateTime':
        return JSON.stringify(pick(DATES));
      default:
        return JSON.stringify(pick(STRINGS));
    }
  }

  function args(given: readonly GraphQLArgument[]): string {
    const taken = given.filter((argument) => isNonNullType(argument.type) || chance(argument.name === 'first' ? 0.8 : 0.25));
    return taken.length === 0 ? '' : `(${taken.map((argument) => `${argument.name}: ${value(argument.type, 0)}`).join(', ')})`;
  }

  function field({ name, type, args: given }: GraphQLField<unknown, unknown>, depth: number, alias: number): string {
    const inside = selection(getNamedType(type), depth + 1);
    const directive = chance(0.05) ? ` @${pick(['skip', 'include'])}(if: ${chance(0.5)})` : '';
    return `${chance(0.05) ? `a${alias}: ` : ''}${name}${args(given)}${directive}${inside}`;
  }

  function selection(type: GraphQLNamedOutputType, depth: number): string {
    if (isLeafType(type)) return chance(0.01) ? ' { id }' : '';
    const own = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
    const reachable = own.filter((candidate) => depth < MAX_DEPTH || isLeafType(getNamedType(candidate.type)));
    const parts = reachable.filter(() => chance(3 / Math.max(3, reachable.length))).map((candidate, index) => field(candidate, depth, index));
    if (isAbstractType(type) && chance(0.7)) {
      const concrete = pick(schema.getPossibleTypes(type));
      parts.push(`... on ${concrete.name}${selection(concrete, depth)}`);
    }
    return ` { ${['__typename', ...parts].join(' ')} }`;
  }

  const roots = [schema.getQueryType(), schema.getQueryType(), schema.getMutationType()].filter((type) => type != null);
  const root = pick(roots);
  const fields = Object.values(root.getFields());
  const chosen = Array.from({ length: between(random, 1, 2) }, () => pick(fields));
  const text = `${root.name.toLowerCase()} { ${chosen.map((candidate, index) => `f${index}: ${candidate.name}${args(candidate.args)}${selection(getNamedType(candidate.type), 1)}`).join(' ')} }`;
  return chance(0.02) ? text.slice(0, between(random, 1, text.length)) : text;
}
