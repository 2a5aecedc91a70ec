import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { CinegraphError } from '../../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { PostgresUser } from './postgres-user.ts';
import { isPostgresAlive, readPostmasterPid } from './postmaster-pid.ts';

const START_DEADLINE_MS = 60_000;
const POLL_MS = 20;
/** Fast shutdown, then immediate shutdown (the next start replays the log), then SIGKILL: each after this many ms. */
const STOP_STEPS = [['SIGINT', 10_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]] as const;

export interface PostmasterOptions {
  readonly cluster: string;
  readonly socketDir: string;
  readonly binaries: PostgresBinaries;
  readonly user: PostgresUser;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** One run of the Postgres server. */
export interface Postmaster {
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the server and waits until it takes connections. Throws DATABASE_UNAVAILABLE or STORAGE_FULL with the server's own words. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { cluster, binaries, user, log } = options;
  const { command, args, ...ids } = user.wrap(binaries.postgres, serverArguments(options), true);
  // A session of its own: Ctrl-C in a terminal reaches the whole process group, and the database must outlive the hand-back of jobs.
  const child = spawn(command, args, { cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'ignore', 'pipe'], detached: true, ...ids });
  const lastWords: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', line => {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
      if (/\b(FATAL|PANIC):/.test(line)) log.warn({ postgres: line }, 'postgres');
      else log.debug({ postgres: line }, 'postgres');
    });
  }
  const ended = new Promise<void>(resolve => {
    child.on('error', error => {
      lastWords.push(error.message);
      resolve();
    });
    child.on('close', () => resolve());
  });
  const postmaster: Postmaster = { pid: child.pid ?? 0, ended, stop: () => stopChild(child, ended) };
  const ready = await Promise.race([waitUntilReady(cluster, postmaster.pid), ended.then(() => false)]);
  if (!ready) {
    await postmaster.stop();
    const words = lastWords.join('\n');
    if (words.includes('No space left on device')) throw new CinegraphError('STORAGE_FULL', `There is no space left for the database in ${cluster}. Make room there, or choose another folder with DATA_DIR.`);
    throw new CinegraphError('DATABASE_UNAVAILABLE', `The embedded Postgres did not start: ${words.slice(-2000)}`);
  }
  return postmaster;
}

function serverArguments({ cluster, socketDir, settings }: PostmasterOptions): string[] {
  const all: Readonly<Record<string, string>> = {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    max_connections: '64',
    shared_buffers: '64MB',
    max_wal_size: '256MB',
    // What a backup beside the running server needs.
    wal_level: 'replica',
    max_wal_senders: '0',
    jit: 'off',
    log_checkpoints: 'off',
    ...settings,
  };
  return ['-D', cluster, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
}

async function waitUntilReady(cluster: string, pid: number): Promise<boolean> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    const file = await readPostmasterPid(cluster);
    if (file?.pid === pid && file.status === 'ready') return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function stopChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  for (const [signal, ms] of STOP_STEPS) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    child.kill(signal);
    const timer = new AbortController();
    await Promise.race([ended, sleep(ms, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
  }
  await ended;
}

/** Stops a server that is not our child, by its pid file. Returns when the process is gone. */
export async function stopLeftover(cluster: string): Promise<void> {
  const file = await readPostmasterPid(cluster);
  if (file === undefined) return;
  for (const [signal, ms] of STOP_STEPS) {
    if (!(await isPostgresAlive(file.pid))) return;
    try {
      process.kill(file.pid, signal);
    } catch {
      return;
    }
    if (await waitUntilGone(file.pid, ms)) return;
  }
}

/** Waits until no such postgres process lives. ms: the longest wait. */
export async function waitUntilGone(pid: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    if (!(await isPostgresAlive(pid))) return true;
    await sleep(POLL_MS);
  }
  return false;
}
