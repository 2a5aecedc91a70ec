/** Schema coordinates: which fields take or give out ids, and which of them an answer has really filled. */
import {
  getNamedType,
  isCompositeType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  Kind,
  parse,
  print,
  visit,
  type DocumentNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';

function* fields(schema: GraphQLSchema): Generator<readonly [GraphQLObjectType, GraphQLField<unknown, unknown>]> {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isObjectType(type) && !isIntrospectionType(type)) for (const field of Object.values(type.getFields())) yield [type, field];
  }
}

function idPaths(type: GraphQLInputType, path: string, seen: readonly string[] = []): string[] {
  const named = getNamedType(type);
  if (named.name === 'ID') return [path];
  if (!isInputObjectType(named) || seen.includes(named.name)) return [];
  return Object.values(named.getFields()).flatMap((field) => idPaths(field.type, `${path}.${field.name}`, [...seen, named.name]));
}

/** `Mutation.cancelJob(input.jobId)`: each way in which an id can be handed to the server. */
export function takesId(schema: GraphQLSchema): string[] {
  return [...fields(schema)].flatMap(([type, field]) => field.args.flatMap((argument) => idPaths(argument.type, argument.name)).map((path) => `${type.name}.${field.name}(${path})`));
}

/** `Job.outputs`: fields that give out an id, a URL of bytes, or something that has an id. */
export function givesId(schema: GraphQLSchema): string[] {
  const nodes = (type: ReturnType<typeof getNamedType>): boolean => isCompositeType(type) && 'getFields' in type && ('id' in type.getFields() || /(?:Connection|Edge)$/.test(type.name));
  return [...fields(schema)].flatMap(([type, field]) => {
    const named = getNamedType(field.type);
    return named.name === 'ID' || named.name === 'URL' || nodes(named) ? [`${type.name}.${field.name}`] : [];
  });
}

/** The document with `__typename` in every selection, so that {@link filled} can tell the types of its answer. */
export function withTypenames(query: string): string {
  const field = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } } as const;
  const document = visit(parse(query), {
    SelectionSet: {
      // The root has a type that is known, and a subscription may have no second field there.
      leave: (node, _key, parent) => (parent !== undefined && 'kind' in parent && parent.kind === Kind.OPERATION_DEFINITION ? node : { ...node, selections: [...node.selections, field] }),
    },
  });
  return print(document);
}

/** Coordinates of the fields that hold a value in this answer. The document must come from {@link withTypenames} and use no aliases. */
export function filled(schema: GraphQLSchema, query: string, data: unknown): Set<string> {
  const document = parse(query);
  const found = new Set<string>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const root = schema.getRootType(definition.operation);
    if (root) collect(schema, document, definition.selectionSet, root.name, data, found);
  }
  return found;
}

function collect(schema: GraphQLSchema, document: DocumentNode, { selections }: SelectionSetNode, declared: string, data: unknown, found: Set<string>): void {
  if (Array.isArray(data)) return data.forEach((item) => collect(schema, document, { kind: Kind.SELECTION_SET, selections }, declared, item, found));
  if (typeof data !== 'object' || data === null) return;
  const record = data as Readonly<Record<string, unknown>>;
  const typeName = typeof record['__typename'] === 'string' ? record['__typename'] : declared;
  const type = schema.getType(typeName);
  if (!isObjectType(type)) throw new Error(`${typeName} is no object type`);
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const value = record[selection.name.value];
      const field = type.getFields()[selection.name.value];
      if (field === undefined || value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
      found.add(`${typeName}.${field.name}`);
      if (selection.selectionSet) collect(schema, document, selection.selectionSet, getNamedType(field.type).name, value, found);
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : document.definitions.find((definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value);
    if (fragment === undefined || !('selectionSet' in fragment) || fragment.selectionSet === undefined) continue;
    const condition = 'typeCondition' in fragment ? fragment.typeCondition?.name.value : undefined;
    const applies = condition === undefined || condition === typeName || type.getInterfaces().some(({ name }) => name === condition);
    if (applies) collect(schema, document, fragment.selectionSet, typeName, data, found);
  }
}
