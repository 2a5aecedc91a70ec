import { defineConfig } from 'prisma/config';

// The Prisma command line downloads a schema engine at nearly every command. None of ours needs it: the stub says so and fails,
// which makes a forgotten `prisma migrate` loud and keeps `generate`, `validate` and `format` offline.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] = new URL('./scripts/no-schema-engine.sh', import.meta.url).pathname;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
