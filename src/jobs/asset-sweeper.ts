import type { Queryable } from '../db/blobs/blob-store.ts';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { transaction } from '../db/transaction.ts';
import { Rounds } from './rounds.ts';

/** Held while sweeping, so that of several processes one sweeps ("swee"). */
const LOCK_KEY = 0x73776565;
const INTERVAL_MS = 60_000;
/** Rows of one transaction, and transactions of one sweep: the rest waits for the next. */
const BATCH = 100;
const MOST_BATCHES = 100;
const ORPHANS_INTERVAL_MS = 24 * 3600_000;
/** Younger bytes may belong to a transaction that has not ended yet. */
const ORPHAN_AGE_MS = 3600_000;

export interface SweeperOptions {
  readonly database: Database;
  /** How long a deleted asset can be restored. */
  readonly graceSeconds: number;
  readonly log: Log;
}

/** What one sweep removed. */
export interface Swept {
  uploads: number;
  expired: number;
  assets: number;
  blobs: number;
}

/** Removes what nobody can reach any more. Owner: the composition root, which stops it before the database is closed. */
export class AssetSweeper {
  readonly #options: SweeperOptions;
  readonly #rounds: Rounds;
  #orphansAt = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#rounds = new Rounds({ everyMs: INTERVAL_MS, doing: 'sweeping assets', log: options.log }, stopping => this.#tick(stopping));
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /** Uploads past their time, assets past their time to live, deleted assets past their grace, and the bytes that only those used. */
  async sweep(stopping?: AbortSignal): Promise<Swept> {
    const swept: Swept = { uploads: 0, expired: 0, assets: 0, blobs: 0 };
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      if (stopping?.aborted === true) break;
      const before = swept.uploads + swept.expired + swept.assets;
      await this.#forget(await transaction(this.#options.database.pool, client => this.#batch(client, swept)), swept);
      if (swept.uploads + swept.expired + swept.assets === before) break;
    }
    swept.uploads += await this.#options.database.uploads.sweep();
    if (Date.now() - this.#orphansAt > ORPHANS_INTERVAL_MS) {
      this.#orphansAt = Date.now();
      await this.#forget(await this.#orphans(), swept);
      swept.blobs += await this.#options.database.blobs.sweep(ORPHAN_AGE_MS);
    }
    return swept;
  }

  async #tick(stopping: AbortSignal): Promise<void> {
    const swept = await this.sweep(stopping);
    if (Object.values(swept).some(count => count > 0)) this.#options.log.info({ ...swept }, 'swept');
  }

  /** Returns the digests that may have lost their last user. */
  async #batch(client: Queryable, swept: Swept): Promise<string[]> {
    const { rows: locks } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [LOCK_KEY]);
    if (locks[0]?.mine !== true) return [];
    const count = async (sql: string, values: unknown[]): Promise<number> => (await client.query(sql, values)).rowCount ?? 0;
    swept.uploads += await count('DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)', [BATCH]);
    swept.expired += await count('UPDATE asset SET deleted_at = expires_at WHERE id IN (SELECT id FROM asset WHERE expires_at <= now() AND deleted_at IS NULL LIMIT $1 FOR UPDATE SKIP LOCKED)', [BATCH]);
    const { rows } = await client.query<{ sha256s: (string | null)[] }>(PURGE, [this.#options.graceSeconds, BATCH]);
    swept.assets += rows.length;
    return rows.flatMap(({ sha256s }) => sha256s.filter(sha256 => sha256 !== null));
  }

  /** Bytes whose last user went in a process that was killed before it could say so. */
  async #orphans(): Promise<string[]> {
    const { rows } = await this.#options.database.pool.query<{ sha256: string }>(ORPHANS);
    return rows.map(({ sha256 }) => sha256);
  }

  /** Each by itself: one that somebody takes in this moment stays. */
  async #forget(sha256s: readonly string[], swept: Swept): Promise<void> {
    for (const sha256 of new Set(sha256s)) if (await this.#options.database.blobs.delete(sha256)) swept.blobs++;
  }
}

// The variants are read before the cascade takes them: a statement sees its own beginning.
const PURGE = `
  WITH gone AS (
    DELETE FROM asset WHERE id IN (SELECT id FROM asset WHERE deleted_at < now() - $1 * interval '1 second' LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id, sha256, thumbnail_sha256
  )
  SELECT ARRAY[g.sha256, g.thumbnail_sha256] || ARRAY(SELECT v.sha256 FROM asset_variant v WHERE v.asset_id = g.id) AS sha256s FROM gone g`;

const ORPHANS = `
  SELECT sha256 FROM blob b WHERE created_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM asset a WHERE a.sha256 = b.sha256) AND NOT EXISTS (SELECT FROM asset a WHERE a.thumbnail_sha256 = b.sha256)
    AND NOT EXISTS (SELECT FROM asset_variant v WHERE v.sha256 = b.sha256) LIMIT 1000`;
