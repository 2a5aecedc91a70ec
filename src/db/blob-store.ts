import { createHash } from 'node:crypto';
import type pg from 'pg';

/** Bytes of one chunk row: 1 MiB. */
export const CHUNK_BYTES = 1 << 20;

/** Who runs the statements: the pool, or the connection of an open transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

export interface BlobInfo {
  readonly sha256: string;
  readonly byteSize: number;
}

/** Content-addressed bytes: the same content is kept once. */
export interface BlobStore {
  /** Keeps the bytes; inside `transaction` when given, so that they appear together with what refers to them. Throws STORAGE_FULL's cause. */
  put(bytes: Uint8Array, transaction?: Queryable): Promise<BlobInfo>;
  stat(sha256: string): Promise<BlobInfo | null>;
  /** Streams bytes start to end, both inclusive, a chunk at a time. The caller has checked the range against {@link stat}. */
  read(sha256: string, start: number, end: number): AsyncIterable<Buffer>;
  /** Deletes the bytes unless an asset still refers to them. True when they are gone. */
  delete(sha256: string): Promise<boolean>;
}

/** Blobs as rows of the database, in chunks that Postgres neither compresses nor reads whole to give a part. */
export class PostgresBlobStore implements BlobStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async put(bytes: Uint8Array, transaction?: Queryable): Promise<BlobInfo> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const info = { sha256, byteSize: bytes.byteLength };
    if (transaction !== undefined) {
      await insert(transaction, info, bytes);
      return info;
    }
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await insert(client, info, bytes);
      await client.query('COMMIT');
      client.release();
      return info;
    } catch (error) {
      client.release(true); // Whatever state it is in, the connection ends and with it the transaction.
      throw error;
    }
  }

  async stat(sha256: string): Promise<BlobInfo | null> {
    const { rows } = await this.#pool.query<{ byteSize: number }>('SELECT byte_size AS "byteSize" FROM blob WHERE sha256 = $1', [sha256]);
    return rows[0] === undefined ? null : { sha256, byteSize: rows[0].byteSize };
  }

  async *read(sha256: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    for (let offset = start; offset <= end; ) {
      const index = Math.floor(offset / CHUNK_BYTES);
      const from = offset - index * CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES - from, end - offset + 1);
      // substr of an EXTERNAL value reads only the pages of the range; SQL counts bytes from 1.
      const { rows } = await this.#pool.query<{ part: Buffer }>('SELECT substr(bytes, $3, $4) AS part FROM blob_chunk WHERE sha256 = $1 AND index = $2', [sha256, index, from + 1, length]);
      const part = rows[0]?.part;
      if (part === undefined || part.byteLength !== length) throw new Error(`blob ${sha256} lacks bytes ${offset} to ${offset + length - 1}`);
      yield part;
      offset += length;
    }
  }

  async delete(sha256: string): Promise<boolean> {
    try {
      const { rowCount } = await this.#pool.query(
        `DELETE FROM blob WHERE sha256 = $1 AND NOT EXISTS (SELECT FROM asset WHERE asset.sha256 = $1 OR asset.thumbnail_sha256 = $1)
           AND NOT EXISTS (SELECT FROM asset_variant WHERE asset_variant.sha256 = $1)`,
        [sha256],
      );
      return rowCount === 1;
    } catch (error) {
      // An asset took the blob in the same moment: the foreign key keeps it.
      if ((error as { code?: string }).code === '23503') return false;
      throw error;
    }
  }
}

async function insert(client: Queryable, { sha256, byteSize }: BlobInfo, bytes: Uint8Array): Promise<void> {
  // The empty update locks a row that is there already, against a delete that would slip in before our commit.
  const { rows } = await client.query<{ fresh: boolean }>(
    'INSERT INTO blob (sha256, byte_size) VALUES ($1, $2) ON CONFLICT (sha256) DO UPDATE SET byte_size = excluded.byte_size RETURNING xmax = 0 AS fresh',
    [sha256, byteSize],
  );
  if (rows[0]?.fresh !== true) return;
  for (let index = 0; index * CHUNK_BYTES < byteSize; index++) {
    const part = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    await client.query('INSERT INTO blob_chunk (sha256, index, bytes) VALUES ($1, $2, $3)', [sha256, index, Buffer.from(part.buffer, part.byteOffset, part.byteLength)]);
  }
}
