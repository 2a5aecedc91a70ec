/**
 * vitest globalSetup: one real Postgres for the whole run, with fsync off, and in it a migrated template. A test file takes a copy of the
 * template: `const database = await createTestDatabase()` (24 to 90 ms).
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import pino from 'pino';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/db/database.ts';
import { EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts';
import { openJobQueue } from '../../src/jobs/queue/job-queue.ts';

const TEMPLATE = 'migrated';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the database `postgres` of the test cluster. */
    readonly clusterUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = pino({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'cinegraph-test-'));
  const postgres = await EmbeddedPostgres.start({ dataDir, log, settings: { fsync: 'off', max_connections: '200' } });
  await postgres.ensureDatabase(TEMPLATE);
  // The queue's own schema is part of the template too: opening it once is cheaper than in each file.
  const database = await openDatabase({ dataDir, databaseUrl: postgres.url(TEMPLATE), log });
  const queue = await openJobQueue({ database, log });
  await queue.close();
  await database.close();
  project.provide('clusterUrl', postgres.url('postgres'));
  return async () => {
    await postgres.close();
    await rm(dataDir, { recursive: true, force: true });
  };
}

export interface TestDatabase {
  readonly url: string;
  /** Drops it, whoever is connected. */
  close(): Promise<void>;
}

/** A database of the caller's own. migrated false: an empty one. */
export async function createTestDatabase({ migrated = true }: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const cluster = inject('clusterUrl');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await run(cluster, `CREATE DATABASE ${name}${migrated ? ` TEMPLATE ${TEMPLATE}` : ''}`);
  const url = new URL(cluster);
  url.pathname = `/${name}`;
  return { url: url.href, close: () => run(cluster, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
