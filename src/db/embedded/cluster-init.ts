import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CinegraphError } from '../../errors.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { PostgresUser } from './postgres-user.ts';

/** Longest time initdb may take, in ms. Measured: 600 to 2000. */
const INITDB_DEADLINE_MS = 120_000;
/** Major version of the packaged binaries; a cluster of another major cannot be opened by them. */
const MAJOR = '18';

/** Creates the data folder. Throws DATA_DIR_NOT_WRITABLE or STORAGE_FULL. */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolders(dataDir);
    if (!(await stat(dataDir)).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw folderError(dataDir, cause);
  }
}

/** Not `recursive: true`: Node spins for ever where a parent exists and yet answers ENOENT, as /proc does. */
async function makeFolders(path: string): Promise<void> {
  const make = (): Promise<void> => mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolders(dirname(path));
    await make();
  });
}

/**
 * Makes the cluster once: initdb into a folder of our own, then one rename, so that a crash half way leaves no half cluster and of
 * two processes that start together one wins. Throws DATA_DIR_NOT_WRITABLE, STORAGE_FULL or DATABASE_UNAVAILABLE.
 */
export async function ensureCluster(cluster: string, binaries: PostgresBinaries, user: PostgresUser): Promise<boolean> {
  if (await checkVersion(cluster)) return false;
  const draft = `${cluster}.init-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await removeStaleDrafts(cluster);
    await mkdir(draft, { mode: 0o700 });
    await user.own(draft);
    await initdb(draft, ['-U', 'cinegraph', '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-instructions', '--no-sync'], binaries, user);
    await rename(draft, cluster).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster; its cluster is as good as ours.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return true;
  } catch (error) {
    throw error instanceof CinegraphError ? error : folderError(cluster, error);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** True when there is a cluster that our binaries can open. */
async function checkVersion(cluster: string): Promise<boolean> {
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw folderError(cluster, error);
  });
  if (version === undefined) return false;
  if (version.trim() !== MAJOR) {
    const message = `${cluster} was made by Postgres ${version.trim()}, this Cinegraph carries Postgres ${MAJOR}. Move the data over with pg_dump, or set DATABASE_URL.`;
    throw new CinegraphError('DATABASE_UNAVAILABLE', message);
  }
  return true;
}

async function removeStaleDrafts(cluster: string): Promise<void> {
  const parent = join(cluster, '..');
  for (const name of await readdir(parent)) {
    const pid = /\.init-(\d+)-[0-9a-f]+$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Has the 1,000 files of a fresh cluster written to the disk: seconds on a slow one, so beside the first start, not before it. */
export function syncCluster(cluster: string, binaries: PostgresBinaries, user: PostgresUser): Promise<void> {
  return initdb(cluster, ['--sync-only'], binaries, user);
}

async function initdb(folder: string, args: readonly string[], binaries: PostgresBinaries, user: PostgresUser): Promise<void> {
  const { command, args: all, ...ids } = user.wrap(binaries.initdb, ['-D', folder, ...args], true);
  const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn(command, all, { cwd: '/', env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'], timeout: INITDB_DEADLINE_MS, ...ids });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', reject);
    child.on('close', exit => resolve({ code: exit, output: text }));
  });
  if (code === 0) return;
  if (output.includes('No space left on device')) throw noSpace(dirname(folder));
  throw new CinegraphError('DATABASE_UNAVAILABLE', `initdb failed: ${output.trim().slice(-2000)}`);
}

function folderError(path: string, cause: unknown): CinegraphError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpace(path, cause);
  const why = code === 'ENOTDIR' ? 'is not a folder, or lies below something that is none' : `cannot be written to (${code ?? 'unknown cause'})`;
  return new CinegraphError('DATA_DIR_NOT_WRITABLE', `${path} ${why}. Choose another folder with DATA_DIR, or give this user the right to write there.`, { cause });
}

function noSpace(path: string, cause?: unknown): CinegraphError {
  return new CinegraphError('STORAGE_FULL', `There is no space left in ${path}. Make room there, or choose another folder with DATA_DIR.`, { cause });
}
