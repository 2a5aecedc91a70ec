import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts';
import { isPostgresAlive } from '../../src/db/embedded/postmaster-pid.ts';
import { waitUntilGone } from '../../src/db/embedded/postmaster.ts';
import { untilDatabase } from '../../src/db/until-database.ts';
import { silent as log } from '../support/data-stack.ts';

const HOLD = fileURLToPath(new URL('../support/data-hold-process.ts', import.meta.url));

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

describe('embedded Postgres', () => {
  let dataDir: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cinegraph-embedded-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });
  const start = (folder = dataDir): Promise<EmbeddedPostgres> => EmbeddedPostgres.start({ dataDir: folder, log, settings: { fsync: 'off' } });

  /** Another process that holds the folder. Resolves with the pid of its Postgres. */
  const hold = async (): Promise<{ child: ChildProcess; pid: number }> => {
    const child = spawn(process.execPath, [HOLD, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return { child, pid: Number(line.toString().split(' ')[1]) };
  };

  it('keeps what it was given, from one start to the next, and leaves nothing running', async () => {
    const first = await start();
    await query(first.url('postgres'), 'CREATE TABLE kept AS SELECT 7 AS seven');
    const { pid } = first;
    await first.close();
    expect(await isPostgresAlive(pid)).toBe(false);
    const second = await start();
    expect(await query(second.url('postgres'), 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
    await second.close();
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'run']);
  });

  it('refuses a folder that another process uses, and takes it when that process was killed', async () => {
    const { child, pid } = await hold();
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    expect(await isPostgresAlive(pid), 'the refused one did no harm').toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const postgres = await start();
    expect(postgres.pid).not.toBe(pid);
    await postgres.close();
  });

  it('lets one of two that start together in a fresh folder through', async () => {
    const outcomes = await Promise.allSettled([start(), start()]);
    const started = outcomes.filter(outcome => outcome.status === 'fulfilled');
    const refused = outcomes.filter(outcome => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason)).toMatchObject([{ code: 'DATA_DIR_LOCKED' }]);
    for (const { value } of started) await value.close();
  });

  it('starts over a pid file that names no Postgres', async () => {
    await (await start()).close();
    await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${process.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n${join(dataDir, 'run')}\n\n  1 1\nready\n`);
    // Postgres itself refuses a live pid of its own user; ours here belongs to this test, which is no Postgres.
    const postgres = await start();
    expect(await isPostgresAlive(postgres.pid)).toBe(true);
    await postgres.close();
  });

  it('starts the server again when it dies, with the data', async () => {
    const postgres = await start();
    await query(postgres.url('postgres'), 'CREATE TABLE kept AS SELECT 7 AS seven');
    const { pid } = postgres;
    process.kill(pid, 'SIGKILL');
    await waitUntilGone(pid, 10_000);
    const rows = await untilDatabase(() => query(postgres.url('postgres'), 'SELECT seven FROM kept'), { deadlineMs: 30_000 });
    expect(rows).toEqual([{ seven: 7 }]);
    expect(postgres.pid).not.toBe(pid);
    await postgres.close();
  });

  it('uses a short socket path where the folder is deep', async () => {
    const deep = join(dataDir, 'd'.repeat(100));
    const postgres = await start(deep);
    const socketDir = new URL(postgres.url('postgres')).searchParams.get('host') ?? '';
    expect(Buffer.byteLength(socketDir)).toBeLessThan(86);
    await postgres.close();
    await expect(access(socketDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says which folder cannot be written to', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '', { mode: 0o777 });
    await expect(start(file)).rejects.toMatchObject({ code: 'DATA_DIR_NOT_WRITABLE', message: expect.stringMatching(/file is not a folder.*DATA_DIR/) });
    await expect(start(join(file, 'below'))).rejects.toMatchObject({ code: 'DATA_DIR_NOT_WRITABLE' });
    if (process.platform === 'linux') await expect(start('/proc/cinegraph')).rejects.toMatchObject({ code: 'DATA_DIR_NOT_WRITABLE' });
  });

  it('does not touch a cluster of another major version', async () => {
    await mkdir(join(dataDir, 'postgres'));
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
    await expect(start()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining('Postgres 17') });
  });
});
