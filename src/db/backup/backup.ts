import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { CinegraphError } from '../../errors.ts';
import { EmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import type { Log } from '../log.ts';
import { type BackupManifest, PLATFORM, writeManifest } from './manifest.ts';
import { type CopiedFile, copyFile } from './copy-file.ts';

/** Folders whose content a server makes anew (Postgres manual, "Making a Base Backup Using the Low Level API"). The log is copied at the end. */
const LEFT_EMPTY = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans']);
const LEFT_OUT = /^(?:postmaster\.(?:pid|opts)|backup_label(?:\.old)?|tablespace_map(?:\.old)?|pgsql_tmp.*|.*\.part)$/;
/** The control file last: it must be no older than what it speaks of. */
const CONTROL = 'global/pg_control';
const SEGMENT = /^[0-9A-F]{24}$/;

export interface BackupOptions {
  /** The data folder of the embedded database; a server may run in it. */
  readonly dataDir: string;
  /** A new or empty folder. */
  readonly target: string;
  readonly version: string;
  readonly log: Log;
}

export interface BackupReport {
  readonly files: number;
  readonly byteSize: number;
}

type Files = BackupManifest['files'];

/**
 * Copies the embedded database as it is at the end of the call, beside whatever runs on it: Postgres' own way for a running cluster, with its
 * log from the beginning to the end of the copying, so that what was written meanwhile is whole. Throws BACKUP_UNUSABLE for a target that is
 * not empty, and the codes of the database.
 */
export async function backup({ dataDir, target, version, log }: BackupOptions): Promise<BackupReport> {
  const cluster = join(resolve(dataDir), 'postgres');
  const copy = join(resolve(target), 'postgres');
  await mkdir(copy, { recursive: true, mode: 0o700 });
  if ((await readdir(target)).length > 1 || (await readdir(copy)).length > 0) throw new CinegraphError('BACKUP_UNUSABLE', `${target} is not empty. Give a new folder.`);
  const running = await EmbeddedPostgres.runningUrl(dataDir, 'postgres');
  const own = running === undefined ? await EmbeddedPostgres.start({ dataDir, log }) : undefined;
  const client = new pg.Client({ connectionString: running ?? own?.url('postgres') ?? '', application_name: 'cinegraph-backup', connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const { folders, files, postgres } = await copyRunning(client, cluster, copy);
    await writeManifest(resolve(target), { format: 1, version, createdAt: new Date().toISOString(), postgres, platform: PLATFORM, folders, files });
    return { files: files.length, byteSize: files.reduce((sum, { byteSize }) => sum + byteSize, 0) };
  } finally {
    await client.end().catch(() => {});
    await own?.close();
  }
}

/** The session holds the backup: one that breaks ends it, and nothing is left behind in the cluster. */
async function copyRunning(client: pg.Client, cluster: string, copy: string): Promise<{ folders: string[]; files: Files; postgres: string }> {
  const one = async (sql: string, values: unknown[] = []): Promise<Record<string, string>> => (await client.query<Record<string, string>>(sql, values)).rows[0] ?? {};
  const { postgres = '' } = await one(`SELECT split_part(current_setting('server_version'), '.', 1) AS postgres`);
  // Keeps the log from here on, until the session ends.
  await one(`SELECT pg_create_physical_replication_slot('cinegraph_backup_' || pg_backend_pid(), true, true)`);
  const { first = '' } = await one(`SELECT pg_walfile_name(pg_backup_start('cinegraph', true)) AS first`);
  const folders: string[] = [];
  const files: Files = [];
  await copyFolder('', { cluster, copy, folders, files });
  add(files, CONTROL, await copyFile(join(cluster, CONTROL), join(copy, CONTROL)));
  const { last = '', label = '' } = await one('SELECT pg_walfile_name(lsn) AS last, labelfile AS label FROM pg_backup_stop(false)');
  await writeFile(join(copy, 'backup_label'), label, { mode: 0o600, flush: true });
  add(files, 'backup_label', { byteSize: Buffer.byteLength(label), sha256: createHash('sha256').update(label).digest('hex') });
  for (const name of (await readdir(join(cluster, 'pg_wal'))).filter(entry => SEGMENT.test(entry) && entry >= first && entry <= last).sort()) {
    add(files, `pg_wal/${name}`, await copyFile(join(cluster, 'pg_wal', name), join(copy, 'pg_wal', name)));
  }
  return { folders, files, postgres };
}

interface Copying {
  readonly cluster: string;
  readonly copy: string;
  readonly folders: string[];
  readonly files: Files;
}

async function copyFolder(path: string, to: Copying): Promise<void> {
  for (const entry of await readdir(join(to.cluster, path), { withFileTypes: true })) {
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    if (LEFT_OUT.test(entry.name) || below === CONTROL) continue;
    if (entry.isDirectory()) {
      await mkdir(join(to.copy, below), { mode: 0o700 });
      to.folders.push(below);
      if (!LEFT_EMPTY.has(below)) await copyFolder(below, to);
    } else if (entry.isFile()) {
      await copyFile(join(to.cluster, below), join(to.copy, below)).then(copied => add(to.files, below, copied), (error: NodeJS.ErrnoException) => {
        // A table that was dropped or rewritten meanwhile: the log knows.
        if (error.code !== 'ENOENT') throw error;
      });
    }
  }
}

function add(files: Files, path: string, copied: CopiedFile): void {
  files.push({ path, ...copied });
}
