import type pg from 'pg';
import { type BlobInfo, CHUNK_BYTES, type Queryable } from './blob-store.ts';

/** The pieces of uploads, laid out as blobs are: what is complete becomes a blob without passing through this process again. */
export class UploadStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /**
   * Adds a piece that lies within one chunk. False when the upload does not go on at that offset, is finalized, refused or expired.
   * One statement: the offset and the bytes move together, and of two writers one finds the offset gone.
   */
  async append(id: string, offset: number, piece: Buffer): Promise<boolean> {
    const { rowCount } = await this.#pool.query(APPEND, [id, offset, piece.byteLength, Math.floor(offset / CHUNK_BYTES), piece]);
    return rowCount === 1;
  }

  /** Streams bytes start to end, both inclusive, a chunk at a time. */
  async *read(id: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    for (let offset = start; offset <= end; ) {
      const index = Math.floor(offset / CHUNK_BYTES);
      const { rows } = await this.#pool.query<{ bytes: Buffer }>('SELECT bytes FROM upload_chunk WHERE upload_id = $1 AND index = $2', [id, index]);
      const from = offset - index * CHUNK_BYTES;
      const part = rows[0]?.bytes.subarray(from, Math.min(from + end - offset + 1, CHUNK_BYTES));
      if (part === undefined || part.byteLength === 0) throw new Error(`upload ${id} lacks byte ${offset}`);
      yield part;
      offset += part.byteLength;
    }
  }

  /** Turns the pieces into a blob, unless the same content is there already. Inside the caller's transaction. */
  async toBlob(client: Queryable, id: string, { sha256, byteSize }: BlobInfo): Promise<void> {
    const { rows } = await client.query<{ fresh: boolean }>(
      'INSERT INTO blob (sha256, byte_size) VALUES ($1, $2) ON CONFLICT (sha256) DO UPDATE SET byte_size = excluded.byte_size RETURNING xmax = 0 AS fresh',
      [sha256, byteSize],
    );
    if (rows[0]?.fresh === true) await client.query('INSERT INTO blob_chunk (sha256, index, bytes) SELECT $2, index, bytes FROM upload_chunk WHERE upload_id = $1', [id, sha256]);
    await this.discard(client, id);
  }

  /** Deletes the pieces. */
  async discard(client: Queryable, id: string): Promise<void> {
    await client.query('DELETE FROM upload_chunk WHERE upload_id = $1', [id]);
  }
}

const APPEND = `
  WITH moved AS (
    UPDATE upload SET received = received + $3
    WHERE id = $1 AND received = $2 AND received + $3 <= byte_size AND asset_id IS NULL AND error_code IS NULL AND expires_at > now() RETURNING id
  )
  INSERT INTO upload_chunk (upload_id, index, bytes) SELECT id, $4, $5 FROM moved
  ON CONFLICT (upload_id, index) DO UPDATE SET bytes = upload_chunk.bytes || excluded.bytes`;
