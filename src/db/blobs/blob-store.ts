import type pg from 'pg';

/** Who runs the statements: the pool, or the connection of an open transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

export interface BlobInfo {
  readonly sha256: string;
  readonly byteSize: number;
}

/** How a reader that fetches the bytes by itself wants them named. */
export interface BlobLink {
  readonly contentType: string;
  /** Content-Disposition of the answer. */
  readonly disposition: string;
  /** For how long the link works, in seconds. */
  readonly seconds: number;
}

/**
 * Content-addressed bytes: the same content is kept once. A row of `blob` names each content, whatever holds its bytes; foreign keys of
 * what refers to it keep it. Throws STORAGE_UNAVAILABLE when what holds the bytes does not answer, STORAGE_FULL's cause when it is full.
 */
export interface BlobStore {
  /** Keeps the bytes; inside `transaction` when given, so that they appear together with what refers to them. */
  put(bytes: Uint8Array, transaction?: Queryable): Promise<BlobInfo>;
  stat(sha256: string): Promise<BlobInfo | null>;
  /** Streams bytes start to end, both inclusive, a chunk at a time. The caller has checked the range against {@link stat}. */
  read(sha256: string, start: number, end: number): AsyncIterable<Buffer>;
  /** A URL from which anybody can fetch the bytes, ranges too, until it expires; null: they come through this process alone. */
  link(sha256: string, link: BlobLink): Promise<string | null>;
  /** Deletes the bytes unless something still refers to them. True when they are gone. */
  delete(sha256: string): Promise<boolean>;
  /** Names of bytes that lie there for longer than that and that no row names. */
  unnamed(olderThanMs: number): AsyncIterable<string>;
  /** Removes what {@link unnamed} tells: it is of transactions that failed. Returns how many. */
  sweep(olderThanMs: number): Promise<number>;
}

/** Takes the row away unless something refers to the content. Null: it stays. Inside the caller's transaction, which holds the row until it ends. */
export async function deleteRow(client: Queryable, sha256: string): Promise<{ readonly inObjectStore: boolean } | null> {
  const { rows } = await client.query<{ inObjectStore: boolean }>(
    `DELETE FROM blob WHERE sha256 = $1 AND NOT EXISTS (SELECT FROM asset WHERE asset.sha256 = $1 OR asset.thumbnail_sha256 = $1)
       AND NOT EXISTS (SELECT FROM asset_variant WHERE asset_variant.sha256 = $1) RETURNING in_object_store AS "inObjectStore"`,
    [sha256],
  );
  return rows[0] ?? null;
}

/** A foreign key keeps the row: an asset took the blob in the same moment. SQLSTATE 23503, and 23001 for RESTRICT from Postgres 18 on. */
export function isReferred(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === '23503' || code === '23001';
}

/**
 * Names the content, and holds its row against a delete until the transaction ends. `fresh`: it was not there before, and its bytes are to be
 * stored by the caller, in the object store when that was wanted. Else `inObjectStore` says where they are.
 */
export async function insertRow(client: Queryable, { sha256, byteSize }: BlobInfo, inObjectStore: boolean): Promise<{ readonly fresh: boolean; readonly inObjectStore: boolean }> {
  const { rows } = await client.query<{ fresh: boolean; inObjectStore: boolean }>({ ...INSERT_ROW, values: [sha256, byteSize, inObjectStore] });
  return rows[0] ?? { fresh: false, inObjectStore };
}

// The empty update locks a row that is there already.
const INSERT_ROW = {
  name: 'insert-blob',
  text: `
  INSERT INTO blob (sha256, byte_size, in_object_store) VALUES ($1, $2, $3)
  ON CONFLICT (sha256) DO UPDATE SET byte_size = excluded.byte_size RETURNING xmax = 0 AS fresh, in_object_store AS "inObjectStore"`,
};
