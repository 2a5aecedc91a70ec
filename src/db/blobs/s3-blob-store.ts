import { createHash } from 'node:crypto';
import type pg from 'pg';
import { transaction } from '../transaction.ts';
import { type BlobInfo, type BlobLink, type BlobStore, deleteRow, insertRow, isReferred, type Queryable } from './blob-store.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';
import { PostgresBlobStore } from './postgres-blob-store.ts';

const PREFIX = 'blobs/';
/** Bytes of one request when the server itself reads: 4 MiB. */
export const PART_BYTES = 4 << 20;

/**
 * Blobs as objects of a bucket, named by their digest; their rows stay in the database. Whoever writes or removes an object holds its row
 * meanwhile, so none is taken away while another transaction stores it. What was stored as chunks of the database before is served from there.
 */
export class S3BlobStore implements BlobStore {
  readonly #pool: pg.Pool;
  readonly #objects: ObjectStore;
  readonly #chunks: PostgresBlobStore;

  constructor(pool: pg.Pool, objects: ObjectStore) {
    this.#pool = pool;
    this.#objects = objects;
    this.#chunks = new PostgresBlobStore(pool);
  }

  async put(bytes: Uint8Array, open?: Queryable): Promise<BlobInfo> {
    const info = { sha256: createHash('sha256').update(bytes).digest('hex'), byteSize: bytes.byteLength };
    await (open === undefined ? transaction(this.#pool, client => this.#insert(client, info, bytes)) : this.#insert(open, info, bytes));
    return info;
  }

  stat(sha256: string): Promise<BlobInfo | null> {
    return this.#chunks.stat(sha256);
  }

  async *read(sha256: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    if (!(await this.#isObject(sha256))) return yield* this.#chunks.read(sha256, start, end);
    yield* readObject(this.#objects, keyOf(sha256), start, end);
  }

  async link(sha256: string, { contentType, disposition, seconds }: BlobLink): Promise<string | null> {
    if (!(await this.#isObject(sha256))) return null;
    return this.#objects.readUrl(keyOf(sha256), seconds, { contentType, disposition, cacheControl: `private, max-age=${seconds}, immutable` });
  }

  async delete(sha256: string): Promise<boolean> {
    try {
      return await transaction(this.#pool, async client => {
        const row = await deleteRow(client, sha256);
        if (row?.inObjectStore === true) await this.#objects.delete(keyOf(sha256));
        return row !== null;
      });
    } catch (error) {
      if (isReferred(error)) return false;
      throw error;
    }
  }

  async *unnamed(olderThanMs: number): AsyncGenerator<string, void, undefined> {
    const before = Date.now() - olderThanMs;
    for await (const page of this.#objects.list(PREFIX)) yield* await this.#unnamed(page.filter(({ modifiedAt }) => modifiedAt.getTime() < before));
  }

  async sweep(olderThanMs: number): Promise<number> {
    let swept = 0;
    for await (const sha256 of this.unnamed(olderThanMs)) if (await this.#forget(sha256)) swept++;
    return swept;
  }

  async #insert(client: Queryable, info: BlobInfo, bytes: Uint8Array): Promise<void> {
    const { fresh, inObjectStore } = await insertRow(client, info, true);
    if (!inObjectStore) return;
    // A delete whose commit failed may have left a row without its object: nothing referred to it, until now.
    if (!fresh && (await this.#objects.byteSize(keyOf(info.sha256))) === info.byteSize) return;
    await this.#objects.put(keyOf(info.sha256), bytes, info.sha256);
  }

  async #isObject(sha256: string): Promise<boolean> {
    const { rows } = await this.#pool.query<{ inObjectStore: boolean }>('SELECT in_object_store AS "inObjectStore" FROM blob WHERE sha256 = $1', [sha256]);
    return rows[0]?.inObjectStore === true;
  }

  async #unnamed(objects: readonly StoredObject[]): Promise<string[]> {
    const digests = objects.map(({ key }) => key.slice(PREFIX.length));
    const { rows } = await this.#pool.query<{ sha256: string }>('SELECT o.sha256 FROM unnest($1::text[]) AS o (sha256) WHERE NOT EXISTS (SELECT FROM blob b WHERE b.sha256 = o.sha256)', [digests]);
    return rows.map(({ sha256 }) => sha256);
  }

  /** Holds the place of the row while the object is removed: a transaction that stores the same content waits, and stores it again. */
  async #forget(sha256: string): Promise<boolean> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const { rowCount } = await client.query('INSERT INTO blob (sha256, byte_size) VALUES ($1, 0) ON CONFLICT DO NOTHING', [sha256]);
      if (rowCount === 1) await this.#objects.delete(keyOf(sha256));
      return rowCount === 1;
    } finally {
      await client.query('ROLLBACK').then(() => client.release(), () => client.release(true));
    }
  }
}

/** Streams bytes start to end, both inclusive, a part at a time. */
export async function* readObject(objects: ObjectStore, key: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = start; offset <= end; offset += PART_BYTES) {
    const last = Math.min(offset + PART_BYTES - 1, end);
    const part = await objects.get(key, offset, last);
    if (part.byteLength !== last - offset + 1) throw new Error(`object ${key} lacks bytes ${offset} to ${last}`);
    yield part;
  }
}

export function keyOf(sha256: string): string {
  return `${PREFIX}${sha256}`;
}
