import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { CinegraphError } from '../errors.ts';
import type { Log } from './log.ts';

export const MIGRATIONS: string = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** Held while migrating, so that of several processes one migrates and the others find it done ("migr"). */
const LOCK_KEY = 0x6d696772;
/** Oldest Postgres that is supported, as server_version_num. */
const OLDEST = 150_000;

export interface MigrateOptions {
  readonly log: Log;
  /** Folder of `NNNN_name/migration.sql`. Default: prisma/migrations. */
  readonly folder?: string;
}

export interface MigrateResult {
  readonly applied: readonly string[];
  /** e.g. "18.4" */
  readonly serverVersion: string;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Brings the database at `url` to the newest migration: one transaction each, recorded in Prisma's own table with its checksum.
 * Safe to run from many processes at once. Throws DATABASE_UNAVAILABLE: too old a server, a migration that was edited after it was
 * applied, a database from a newer Cinegraph, or one that does not answer.
 */
export async function migrate(url: string, { log, folder = MIGRATIONS }: MigrateOptions): Promise<MigrateResult> {
  const migrations = await readMigrations(folder);
  const client = new pg.Client({ connectionString: url, application_name: 'cinegraph-migrate', connectionTimeoutMillis: 30_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    const serverVersion = await checkServer(client);
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await client.query(HISTORY_TABLE);
    const applied = await applyMissing(client, migrations, log);
    return { applied, serverVersion };
  } finally {
    await client.end(); // Releases the lock too.
  }
}

const HISTORY_TABLE = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id varchar(36) PRIMARY KEY,
    checksum varchar(64) NOT NULL,
    finished_at timestamptz,
    migration_name varchar(255) NOT NULL,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  )`;

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter(entry => entry.isDirectory()).map(entry => entry.name);
  return Promise.all(
    names.sort().map(async name => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function checkServer(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `SELECT current_setting('server_version_num')::int AS number, split_part(current_setting('server_version'), ' ', 1) AS version`,
  );
  const { number = 0, version = 'unknown' } = rows[0] ?? {};
  if (number < OLDEST) throw new CinegraphError('DATABASE_UNAVAILABLE', `The database is Postgres ${version}; Cinegraph needs 15 or newer.`);
  return version;
}

async function applyMissing(client: pg.Client, migrations: readonly Migration[], log: Log): Promise<string[]> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'SELECT migration_name AS name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  const done = new Map(rows.map(row => [row.name, row.checksum]));
  const known = new Map(migrations.map(migration => [migration.name, migration.checksum]));
  for (const [name, checksum] of done) {
    if (!known.has(name)) throw new CinegraphError('DATABASE_UNAVAILABLE', `The database has the migration ${name}, which this Cinegraph does not know: it is older than the database. Run the newer one again, or restore the backup from before it.`);
    if (known.get(name) !== checksum) throw new CinegraphError('DATABASE_UNAVAILABLE', `The migration ${name} was changed after it was applied.`);
  }
  const applied: string[] = [];
  for (const migration of migrations.filter(({ name }) => !done.has(name))) {
    await applyOne(client, migration);
    log.info({ migration: migration.name }, 'migration applied');
    applied.push(migration.name);
  }
  return applied;
}

async function applyOne(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)', [randomUUID(), checksum, name]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {});
    throw new CinegraphError('DATABASE_UNAVAILABLE', `The migration ${name} failed: ${(cause as Error).message}`, { cause });
  }
}
