import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSchemaDiff } from '../../scripts/schema-diff.ts';
import { MIGRATIONS, migrate } from '../../src/db/migrate.ts';
import { silent as log } from '../support/data-stack.ts';
import { type TestDatabase, createTestDatabase } from '../support/postgres.ts';

const CHILD = fileURLToPath(new URL('../support/data-migrate-process.ts', import.meta.url));

describe('migrations', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase({ migrated: false });
  });
  afterEach(() => database.close());

  const query = async <T extends pg.QueryResultRow>(sql: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it('make exactly what schema.prisma describes', async () => {
    const schemaDiff = await loadSchemaDiff();
    expect(await schemaDiff(database.url), 'an empty database differs: the comparison looks').toContain('CREATE TABLE "job"');
    await migrate(database.url, { log });
    expect(await schemaDiff(database.url)).toBeUndefined();
    await query('ALTER TABLE asset DROP COLUMN frames_sha256');
    expect(await schemaDiff(database.url), 'a dropped column is found').toContain('ADD COLUMN');
  });

  it('are applied once by three processes that start together', async () => {
    const all = (await readdir(MIGRATIONS, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(({ name }) => name).toSorted();
    const outputs = await Promise.all([1, 2, 3].map(async () => (await promisify(execFile)(process.execPath, [CHILD, database.url])).stdout));
    expect(outputs.toSorted((a, b) => a.length - b.length).map(output => JSON.parse(output) as unknown)).toEqual([[], [], all]);
    expect(await query('SELECT migration_name FROM _prisma_migrations')).toHaveLength(all.length);
  });

  it('keep bytes outside the row and uncompressed', async () => {
    await migrate(database.url, { log });
    const rows = await query(`SELECT attstorage AS storage FROM pg_attribute WHERE attrelid IN ('blob_chunk'::regclass, 'preview_frame'::regclass) AND attname IN ('bytes', 'webp')`);
    expect(rows).toEqual([{ storage: 'e' }, { storage: 'e' }]);
  });

  it('refuse a migration that was edited after it was applied, and a database that is newer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cinegraph-migrations-'));
    await cp(MIGRATIONS, folder, { recursive: true });
    await migrate(database.url, { log, folder });
    const file = join(folder, '0001_initial', 'migration.sql');
    await writeFile(file, `${await readFile(file, 'utf8')}-- edited\n`);
    await expect(migrate(database.url, { log, folder })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining('changed') });
    await rm(join(folder, '0001_initial'), { recursive: true });
    await expect(migrate(database.url, { log, folder })).rejects.toMatchObject({ message: expect.stringContaining('does not know') });
    await rm(folder, { recursive: true });
  });

  it('leave nothing behind of one that fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cinegraph-migrations-'));
    await cp(join(MIGRATIONS, '0001_initial'), join(folder, '0001_broken'), { recursive: true });
    const file = join(folder, '0001_broken', 'migration.sql');
    await writeFile(file, `${await readFile(file, 'utf8')}SELECT 1/0;\n`);
    await expect(migrate(database.url, { log, folder })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining('division by zero') });
    expect(await query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)).toEqual([{ tablename: '_prisma_migrations' }]);
    await rm(folder, { recursive: true });
  });
});
