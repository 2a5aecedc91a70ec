import { defineConfig } from 'vitest/config';

/** Three sizes of test, run one after the other: laws and edges, real Postgres, the whole program. Two cores: little parallelism. */
export default defineConfig({
  // graphql 16 has a CommonJS and an ESM build; Node takes the first for everybody, Vite would take both: two realms, no instanceof.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
    reporters: ['default', ['json', { outputFile: 'test-results/vitest.json' }]],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/{unit,golden,architecture}/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'integration', include: ['test/{integration,contract}/**/*.test.ts'], globalSetup: ['test/support/postgres.ts'] },
      },
      {
        extends: true,
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], globalSetup: ['test/support/postgres.ts'], maxWorkers: 1, testTimeout: 300_000, hookTimeout: 360_000 },
      },
    ],
  },
});
