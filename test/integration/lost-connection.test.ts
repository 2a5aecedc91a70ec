import pg from 'pg';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { asCinegraphError, isDatabaseAway } from '../../src/db/pg-error.ts';
import { transaction } from '../../src/db/transaction.ts';
import { silent as log } from '../support/data-stack.ts';
import { createTestDatabase } from '../support/postgres.ts';

it('an answer that does not come in time means that Postgres is away', async () => {
  const test = await createTestDatabase();
  const client = new pg.Client({ connectionString: test.url, query_timeout: 1 });
  client.on('error', () => {});
  await client.connect();
  const error: unknown = await client.query('SELECT pg_sleep(600)').then(() => undefined, (reason: unknown) => reason);
  expect(asCinegraphError(error)).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
  await client.end();
  await test.close();
});

it('a connection that Postgres drops between two statements of a transaction fails the next one, and ends no process', async () => {
  const test = await createTestDatabase();
  const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, log });
  const dropped = transaction(database.pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
    await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await ended;
    await client.query('SELECT 1');
  });
  // An error event that nobody listens to would be the end of this process, too.
  const error: unknown = await dropped.then(() => undefined, (reason: unknown) => reason);
  expect(isDatabaseAway(error)).toBe(true);
  expect(await transaction(database.pool, async (client) => (await client.query('SELECT 1')).rowCount)).toBe(1);
  await database.close();
  await test.close();
});
