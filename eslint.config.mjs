/**
 * Lints the schema alone (TypeScript is oxlint's): every rule of graphql-eslint's sets schema-all and schema-relay. What is set otherwise
 * than there, or is off, has its reason beside it.
 */
import graphql from '@graphql-eslint/eslint-plugin';

export default [
  {
    files: ['schema/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema/*.graphql' } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-all'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Descriptions are sentences on one line: "...", not """...""".
      '@graphql-eslint/description-style': ['error', { style: 'inline' }],
      // Lists without pages are short and bounded by nature (candidates, tags, the frames of one event); `nodes` is the usual short way beside `edges`.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
      // Fields stand in the order in which they are looked for (id first, what belongs together together), error codes in that of their table.
      '@graphql-eslint/alphabetize': 'off',
      // Only what can be fetched by itself has an id, and is a Node (test/contract/schema.test.ts holds that). Values such as Sampling have none.
      '@graphql-eslint/strict-id-in-types': 'off',
      // There are mutations and subscriptions.
      '@graphql-eslint/no-root-type': 'off',
      // A connection or payload is never null: it is empty, or holds user errors. Null would add a case that no caller could tell from an error.
      '@graphql-eslint/require-nullable-result-in-root': 'off',
      // A payload holds what was changed. Reading more is a query of its own: the cost limit multiplies through nesting.
      '@graphql-eslint/require-field-of-type-query-in-mutation-result': 'off',
    },
  },
];
