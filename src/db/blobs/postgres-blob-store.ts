import { createHash } from 'node:crypto';
import type pg from 'pg';
import { transaction } from '../transaction.ts';
import { type BlobInfo, type BlobStore, deleteRow, insertRow, isReferred, type Queryable } from './blob-store.ts';

/** Bytes of one chunk row: 1 MiB. */
export const CHUNK_BYTES = 1 << 20;

/** Blobs as rows of the database, in chunks that Postgres neither compresses nor reads whole to give a part. */
export class PostgresBlobStore implements BlobStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async put(bytes: Uint8Array, open?: Queryable): Promise<BlobInfo> {
    const info = { sha256: createHash('sha256').update(bytes).digest('hex'), byteSize: bytes.byteLength };
    await (open === undefined ? transaction(this.#pool, client => insert(client, info, bytes)) : insert(open, info, bytes));
    return info;
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
      if (part === undefined || part.byteLength !== length) throw new Error(`blob ${sha256} lacks bytes ${offset} to ${offset + length - 1}; if they are in an object store, S3_BUCKET must name it`);
      yield part;
      offset += length;
    }
  }

  link(): Promise<null> {
    return Promise.resolve(null);
  }

  async delete(sha256: string): Promise<boolean> {
    try {
      return (await deleteRow(this.#pool, sha256)) !== null;
    } catch (error) {
      if (isReferred(error)) return false;
      throw error;
    }
  }

  /** The chunks of a blob go with its row. */
  async *unnamed(): AsyncGenerator<string, void, undefined> {}

  sweep(): Promise<number> {
    return Promise.resolve(0);
  }
}

const INSERT_CHUNK = { name: 'insert-chunk', text: 'INSERT INTO blob_chunk (sha256, index, bytes) VALUES ($1, $2, $3)' };

async function insert(client: Queryable, info: BlobInfo, bytes: Uint8Array): Promise<void> {
  if (!(await insertRow(client, info, false)).fresh) return;
  for (let index = 0; index * CHUNK_BYTES < info.byteSize; index++) {
    const part = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    await client.query({ ...INSERT_CHUNK, values: [info.sha256, index, Buffer.from(part.buffer, part.byteOffset, part.byteLength)] });
  }
}
