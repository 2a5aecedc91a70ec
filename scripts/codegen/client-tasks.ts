/** A graphql-codegen plugin: the names of the generation tasks, so that the client has a method for each task that the schema has. */
import { isInputObjectType, type GraphQLSchema } from 'graphql';

export function plugin(schema: GraphQLSchema): string {
  const input = schema.getType('GenerateInput');
  if (!isInputObjectType(input)) throw new Error('the schema has no input GenerateInput');
  const names = Object.keys(input.getFields()).map((name) => `'${name}'`);
  return `/** Every task, named as its mutation is. */\nexport const TASK_NAMES = [${names.join(', ')}] as const;\n`;
}
