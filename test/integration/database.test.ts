import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts';
import { transaction } from '../../src/db/transaction.ts';
import { silent as log } from '../support/data-stack.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

/** What the program asks of its database, of the one that it starts itself and of one that it is given. */
describe.each([{ name: 'embedded', embedded: true }, { name: 'external', embedded: false }])('the $name database', ({ embedded }) => {
  let dataDir: string;
  let external: TestDatabase | undefined;
  let database: Database;
  const open = (): Promise<Database> => openDatabase({ dataDir, databaseUrl: external?.url, log });
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cinegraph-database-'));
    external = embedded ? undefined : await createTestDatabase({ migrated: false });
    database = await open();
  });
  afterAll(async () => {
    await database.close();
    await external?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('says what it is, and answers', async () => {
    expect(database).toMatchObject({ embedded, serverVersion: expect.stringMatching(/^\d+\.\d+$/) });
    expect(await database.ping(20_000)).toBe(true);
  });

  it('keeps bytes, rows and the signing key over a restart', async () => {
    const { sha256 } = await database.blobs.put(Buffer.from('kept'));
    const key = await database.signingKey();
    await database.close();
    database = await open();
    expect(Buffer.concat(await Array.fromAsync(database.blobs.read(sha256, 0, 3))).toString()).toBe('kept');
    expect(await database.signingKey()).toEqual(key);
    expect(key).toHaveLength(32);
  });

  it('does all of a transaction or nothing, and serves others meanwhile', async () => {
    const failed = transaction(database.pool, async client => {
      await client.query(`INSERT INTO setting (key, value) VALUES ('half', 'done')`);
      expect((await database.pool.query(`SELECT FROM setting WHERE key = 'half'`)).rowCount).toBe(0);
      throw new Error('later');
    });
    await expect(failed).rejects.toThrow('later');
    expect((await database.pool.query(`SELECT FROM setting WHERE key = 'half'`)).rowCount).toBe(0);
  });

  it('lets a second process in by its URL: the command line beside a running server', async () => {
    const url = embedded ? await EmbeddedPostgres.runningUrl(dataDir, 'cinegraph') : external?.url;
    const beside = await openDatabase({ dataDir: '/nowhere', databaseUrl: url, log });
    const heard = new Promise<unknown>(resolve => database.bus.subscribe({ message: resolve, resync: () => {} }));
    beside.bus.publish({ type: 'revoked', key: 'k' });
    expect(await heard).toEqual({ type: 'revoked', key: 'k' });
    await beside.close();
  });

  it('answers again after it dropped every connection', async () => {
    const admin = new pg.Client({ connectionString: database.url });
    admin.on('error', () => {});
    await admin.connect();
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await admin.end();
    await expect.poll(() => database.ping(20_000), { timeout: 60_000 }).toBe(true);
  });
});
