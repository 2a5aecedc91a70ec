import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { CinegraphError } from '../../errors.ts';
import type { Log } from '../log.ts';

/** Advisory lock that the Cinegraph using this data folder holds for as long as it lives ("Cine"). */
const LOCK_KEY = 0x43696e65;
const RETRY_MS = 50;

/**
 * The lock of a data folder: a session advisory lock in the cluster inside it. The kernel closes a dead process's socket, so the
 * lock cannot be left behind, and two processes cannot both hold it. When Postgres itself was away, the lock is taken again.
 */
export class DataDirLock {
  readonly #url: string;
  readonly #log: Log;
  #client: pg.Client | undefined;
  #closed = false;

  private constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
  }

  /** Throws DATA_DIR_LOCKED when another process holds it. url: the `postgres` database of the cluster. */
  static async take(url: string, dataDir: string, log: Log): Promise<DataDirLock> {
    const lock = new DataDirLock(url, log);
    if (!(await lock.#tryTake())) {
      throw new CinegraphError('DATA_DIR_LOCKED', `Another Cinegraph already uses ${dataDir}. Stop it, or choose another DATA_DIR.`);
    }
    return lock;
  }

  /**
   * Whether the server that runs there has a living owner: one that holds the lock, or one that has just started it and is about to.
   * Only looks: a probe that took the lock would refuse its owner.
   */
  static async isHeld(url: string): Promise<boolean> {
    const client = openClient(url);
    try {
      await client.connect();
      const { rows } = await client.query<{ held: boolean; owner: string }>(
        `SELECT current_setting('cluster_name') AS owner, EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = $1 AND granted) AS held`,
        [LOCK_KEY],
      );
      return rows[0]?.held === true || (await isOwnerAlive(rows[0]?.owner ?? ''));
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #tryTake(): Promise<boolean> {
    const client = openClient(this.#url);
    await client.connect();
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK_KEY]);
    if (rows[0]?.taken !== true) {
      await client.end();
      return false;
    }
    this.#client = client;
    client.once('end', () => void this.#retake());
    return true;
  }

  /** After Postgres was away. Nobody else can have it while our server runs as our child, so this only waits for the server. */
  async #retake(): Promise<void> {
    this.#client = undefined;
    while (!this.#closed) {
      try {
        if (await this.#tryTake()) return;
        this.#log.error('the lock of the data folder was taken by another process');
      } catch {
        // Postgres is still away.
      }
      await sleep(RETRY_MS);
    }
  }

  async release(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

function openClient(url: string): pg.Client {
  const client = new pg.Client({ connectionString: url, application_name: 'cinegraph-lock', connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // A broken connection also ends; `end` is what we act on.
  return client;
}

/** Names this process in the server it starts (its cluster_name): pid, and the start time in clock ticks, since pids are used again. */
export async function ownerName(): Promise<string> {
  return `cinegraph-${process.pid}-${await startTicks(process.pid)}`;
}

async function isOwnerAlive(name: string): Promise<boolean> {
  const [, pid, ticks] = /^cinegraph-(\d+)-(\d+)$/.exec(name) ?? [];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await startTicks(Number(pid))) === Number(ticks);
}

/** Field 22 of /proc/PID/stat (proc(5)); 0 where there is no /proc. */
async function startTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 0);
}
