/**
 * Authors the next migration, offline: `node scripts/migration.ts NAME`. Replays prisma/migrations on an empty throwaway Postgres, compares
 * with prisma/schema.prisma and writes the difference. Read it before you commit it; hand-written SQL goes below the generated part.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { EmbeddedPostgres } from '../src/db/embedded/embedded-postgres.ts';
import { MIGRATIONS, migrate } from '../src/db/migrate.ts';
import { loadSchemaDiff } from './schema-diff.ts';

const name = process.argv[2];
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) throw new Error('usage: node scripts/migration.ts NAME (letters, digits and _)');
const log = pino({ level: 'warn' });
const dataDir = await mkdtemp(join(tmpdir(), 'cinegraph-migration-'));
const postgres = await EmbeddedPostgres.start({ dataDir, log, settings: { fsync: 'off' } });
try {
  await postgres.ensureDatabase('replay');
  await migrate(postgres.url('replay'), { log });
  const sql = await (await loadSchemaDiff())(postgres.url('replay'));
  if (sql === undefined) {
    console.log('Nothing to do: the migrations make what schema.prisma describes.');
  } else {
    await mkdir(MIGRATIONS, { recursive: true });
    const number = String((await readdir(MIGRATIONS)).filter(entry => /^\d{4}_/.test(entry)).length + 1).padStart(4, '0');
    const folder = join(MIGRATIONS, `${number}_${name}`);
    await mkdir(folder);
    await writeFile(join(folder, 'migration.sql'), sql);
    console.log(`Wrote ${folder}/migration.sql`);
  }
} finally {
  await postgres.close();
  await rm(dataDir, { recursive: true, force: true });
}
