import type pg from 'pg';
import { type BlobInfo, insertRow, type Queryable } from './blob-store.ts';
import type { ObjectStore } from './object-store.ts';
import { PostgresUploadStore } from './postgres-upload-store.ts';
import { keyOf, PART_BYTES, readObject } from './s3-blob-store.ts';
import type { UploadStore } from './upload-store.ts';

/** Where clients put whole files. */
const DIRECT = 'uploads/';
/** The same, sealed: no URL that a client has leads here. */
const SEALED = 'sealed/';

/** Uploads beside a bucket: a whole file may go there past this process; pieces still gather in the database, where their order is kept. */
export class S3UploadStore implements UploadStore {
  readonly #pool: pg.Pool;
  readonly #objects: ObjectStore;
  readonly #pieces: PostgresUploadStore;

  constructor(pool: pg.Pool, objects: ObjectStore) {
    this.#pool = pool;
    this.#objects = objects;
    this.#pieces = new PostgresUploadStore(pool);
  }

  append(id: string, offset: number, piece: Buffer): Promise<boolean> {
    return this.#pieces.append(id, offset, piece);
  }

  directUrl(id: string, byteSize: number, seconds: number): Promise<string | null> {
    return this.#objects.writeUrl(`${DIRECT}${id}`, seconds, byteSize);
  }

  /** What is checked must be what is kept: the URL still works, so a copy is checked. */
  async seal(id: string, byteSize: number): Promise<boolean> {
    if ((await this.#objects.byteSize(`${DIRECT}${id}`)) !== byteSize) return false;
    await this.#objects.copy(`${DIRECT}${id}`, `${SEALED}${id}`);
    return (await this.#objects.byteSize(`${SEALED}${id}`)) === byteSize;
  }

  async *read(id: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    if (await this.#isSealed(id)) yield* readObject(this.#objects, `${SEALED}${id}`, start, end);
    else yield* this.#pieces.read(id, start, end);
  }

  async toBlob(client: Queryable, id: string, info: BlobInfo): Promise<void> {
    const { fresh, inObjectStore } = await insertRow(client, info, true);
    const key = keyOf(info.sha256);
    if (inObjectStore && (fresh || (await this.#objects.byteSize(key)) !== info.byteSize)) {
      if (await this.#isSealed(id)) await this.#objects.copy(`${SEALED}${id}`, key);
      else await this.#objects.putParts(key, regrouped(this.#pieces.read(id, 0, info.byteSize - 1)));
    }
    await this.discard(client, id);
  }

  /** The objects wait for {@link sweep}: the transaction may yet fail, and would have lost them. */
  discard(client: Queryable, id: string): Promise<void> {
    return this.#pieces.discard(client, id);
  }

  /** Also what a client put there after its upload was over. */
  async sweep(): Promise<number> {
    let swept = 0;
    for (const prefix of [DIRECT, SEALED]) {
      for await (const page of this.#objects.list(prefix)) {
        const { rows } = await this.#pool.query<{ id: string }>(
          `SELECT o.id FROM unnest($1::text[]) AS o (id) WHERE NOT EXISTS (SELECT FROM upload u WHERE u.id::text = o.id AND u.asset_id IS NULL AND u.error_code IS NULL AND u.expires_at > now())`,
          [page.map(({ key }) => key.slice(prefix.length))],
        );
        for (const { id } of rows) await this.#objects.delete(`${prefix}${id}`);
        swept += rows.length;
      }
    }
    return swept;
  }

  async #isSealed(id: string): Promise<boolean> {
    return (await this.#objects.byteSize(`${SEALED}${id}`)) !== null;
  }
}

/** The same bytes in parts of equal size, the last one excepted. */
async function* regrouped(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    held.push(piece);
    size += piece.byteLength;
    if (size < 2 * PART_BYTES) continue;
    yield Buffer.concat(held);
    [held, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(held);
}
