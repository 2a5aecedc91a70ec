import type pg from 'pg';
import { type BlobInfo, insertRow, type Queryable } from './blob-store.ts';
import { CHUNK_BYTES } from './postgres-blob-store.ts';
import type { UploadStore } from './upload-store.ts';

/** The pieces of uploads, laid out as blobs are: what is complete becomes a blob without passing through this process again. */
export class PostgresUploadStore implements UploadStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** One statement: the offset and the bytes move together. */
  async append(id: string, offset: number, piece: Buffer): Promise<boolean> {
    const { rowCount } = await this.#pool.query(APPEND, [id, offset, piece.byteLength, Math.floor(offset / CHUNK_BYTES), piece]);
    return rowCount === 1;
  }

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

  directUrl(): Promise<null> {
    return Promise.resolve(null);
  }

  seal(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async toBlob(client: Queryable, id: string, info: BlobInfo): Promise<void> {
    const { fresh } = await insertRow(client, info, false);
    if (fresh) await client.query('INSERT INTO blob_chunk (sha256, index, bytes) SELECT $2, index, bytes FROM upload_chunk WHERE upload_id = $1', [id, info.sha256]);
    await this.discard(client, id);
  }

  async discard(client: Queryable, id: string): Promise<void> {
    await client.query('DELETE FROM upload_chunk WHERE upload_id = $1', [id]);
  }

  /** The pieces go with the row of their upload. */
  sweep(): Promise<number> {
    return Promise.resolve(0);
  }
}

const APPEND = `
  WITH moved AS (
    UPDATE upload SET received = received + $3
    WHERE id = $1 AND received = $2 AND received + $3 <= byte_size AND asset_id IS NULL AND error_code IS NULL AND expires_at > now() RETURNING id
  )
  INSERT INTO upload_chunk (upload_id, index, bytes) SELECT id, $4, $5 FROM moved
  ON CONFLICT (upload_id, index) DO UPDATE SET bytes = upload_chunk.bytes || excluded.bytes`;
