import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup } from '../../src/db/backup/backup.ts';
import { readManifest } from '../../src/db/backup/manifest.ts';
import { restore } from '../../src/db/backup/restore.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { checkIntegrity, FAULTS } from '../../src/db/integrity.ts';
import { transaction } from '../../src/db/transaction.ts';
import { silent as log } from '../support/data-stack.ts';
import { runProgram } from '../support/server.ts';

const NO_FAULTS = Object.fromEntries(Object.keys(FAULTS).map(fault => [fault, 0]));

describe('a backup of the embedded database', () => {
  let folder: string;
  let database: Database;
  const at = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cinegraph-backup-'));
    database = await openDatabase({ dataDir: at('data'), log });
  });
  afterAll(async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A job with events and an asset, in two transactions, as a run writes them. */
  async function oneJob(): Promise<string> {
    const job = randomUUID();
    await database.pool.query(
      `INSERT INTO job (id, owner_id, task, status, input, input_digest, seed, candidates, sampling, model_name, model_digest, last_seq)
       VALUES ($1, 'ada', 'TEXT_TO_IMAGE', 'RUNNING', '{}', 'x', 1, 1, '{}', 'tiny', 'x', 0)`, [job]);
    await transaction(database.pool, async client => {
      const { sha256, byteSize } = await database.blobs.put(randomBytes(20_000), client);
      await client.query(`INSERT INTO asset (id, owner_id, kind, origin, content_type, byte_size, sha256, job_id, candidate) VALUES ($1, 'ada', 'IMAGE', 'GENERATED', 'image/png', $2, $3, $4, 0)`, [randomUUID(), byteSize, sha256, job]);
      await client.query(`INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, 1, 'JobStarted', '{"type":"JobStarted"}'), ($1, 2, 'JobFinished', '{"type":"JobFinished","status":"SUCCEEDED"}')`, [job]);
      await client.query(`UPDATE job SET status = 'SUCCEEDED', last_seq = 2, finished_at = now() WHERE id = $1`, [job]);
    });
    return job;
  }

  it('taken while jobs are written is whole: everything from before is there, nothing half', async () => {
    const before = [await oneJob(), await oneJob()];
    const key = await database.signingKey();
    const writing = new AbortController();
    let during = 0;
    const load = Promise.all(Array.from({ length: 3 }, async () => {
      while (!writing.signal.aborted) {
        await oneJob();
        during += 1;
      }
    }));
    // At least a few while it is taken, however fast either is.
    await expect.poll(() => during, { timeout: 60_000 }).toBeGreaterThan(2);
    const seen = during;
    const { files, byteSize } = await backup({ dataDir: at('data'), target: at('copy'), version: 'test', log });
    expect(during, 'the load went on meanwhile').toBeGreaterThan(seen);
    writing.abort();
    await load;
    expect(files).toBeGreaterThan(500);
    expect(byteSize).toBeGreaterThan(10_000_000);

    await restore(at('copy'), at('restored'));
    const restored = await openDatabase({ dataDir: at('restored'), log });
    try {
      expect(await checkIntegrity({ ...restored, orphanAgeMs: -60_000 })).toMatchObject({ faults: NO_FAULTS, examples: [] });
      const { rows } = await restored.pool.query<{ id: string }>(`SELECT id FROM job WHERE status = 'SUCCEEDED'`);
      const ids = new Set(rows.map(({ id }) => id));
      for (const id of before) expect(ids.has(id)).toBe(true);
      expect(ids.size, 'those of before it began, at least').toBeGreaterThanOrEqual(2 + seen);
      expect(await restored.signingKey(), 'URLs that were given out still work').toEqual(key);
    } finally {
      await restored.close();
    }
  }, 300_000);

  it('leaves nothing behind in the database', async () => {
    const { rows } = await database.pool.query('SELECT FROM pg_replication_slots');
    expect(rows).toHaveLength(0);
  });

  it('by command, beside the server, and restored by command', async () => {
    const job = await oneJob();
    const env = { DATA_DIR: at('data') };
    const made = await runProgram('src/cli/backup.ts', [at('by-command')], env);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ files, [\d.]+ MiB/) });
    const laid = await runProgram('src/cli/restore.ts', [at('by-command')], { DATA_DIR: at('by-command-restored') });
    expect(laid).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing is missing and nothing is left over.') });
    const restored = await openDatabase({ dataDir: at('by-command-restored'), log });
    expect((await restored.pool.query('SELECT FROM job WHERE id = $1', [job])).rowCount).toBe(1);
    await restored.close();
    expect(await runProgram('src/cli/backup.ts', [at('by-command')], env), 'not into a full folder').toMatchObject({ code: 1, stderr: expect.stringContaining('BACKUP_UNUSABLE') });
    expect(await runProgram('src/cli/restore.ts', [at('by-command')], env), 'not over a database').toMatchObject({ code: 1, stderr: expect.stringContaining('BACKUP_UNUSABLE') });
    expect(await runProgram('src/cli/backup.ts', [], env)).toMatchObject({ code: 2 });
  }, 300_000);

  it('that is damaged or half is refused, and nothing of it stays', async () => {
    await mkdir(at('half/postgres'), { recursive: true });
    await expect(restore(at('half'), at('from-half'))).rejects.toMatchObject({ code: 'BACKUP_UNUSABLE' });
    const { files } = await readManifest(at('copy'));
    const [victim] = files.filter(({ path, byteSize }) => path.startsWith('base/') && byteSize > 8192);
    await truncate(join(at('copy'), 'postgres', victim?.path ?? ''), 8192);
    await expect(restore(at('copy'), at('from-damaged'))).rejects.toMatchObject({ code: 'BACKUP_UNUSABLE', message: expect.stringContaining(victim?.path ?? '?') });
    expect(await readdir(at('from-damaged'))).toEqual([]);
    await writeFile(join(at('copy'), 'backup.json'), JSON.stringify({ format: 2 }));
    await expect(restore(at('copy'), at('from-other'))).rejects.toMatchObject({ code: 'BACKUP_UNUSABLE' });
  });
});
