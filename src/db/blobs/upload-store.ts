import type { BlobInfo, Queryable } from './blob-store.ts';

/** The bytes of uploads until they are finalized. Throws what {@link BlobStore} throws. */
export interface UploadStore {
  /**
   * Adds a piece that lies within one chunk. False when the upload does not go on at that offset, is finalized, refused or expired.
   * Of two writers one finds the offset gone.
   */
  append(id: string, offset: number, piece: Buffer): Promise<boolean>;
  /** A URL that takes the whole file in one PUT, past this process; null when there is no such place. */
  directUrl(id: string, byteSize: number, seconds: number): Promise<string | null>;
  /** Takes what came by {@link directUrl} out of reach of whoever has the URL. True when the whole file is here that way; reads and toBlob then mean it. */
  seal(id: string, byteSize: number): Promise<boolean>;
  /** Streams bytes start to end, both inclusive, a chunk at a time. */
  read(id: string, start: number, end: number): AsyncIterable<Buffer>;
  /** Turns the bytes into a blob, unless the same content is there already. Inside the caller's transaction. */
  toBlob(client: Queryable, id: string, info: BlobInfo): Promise<void>;
  /** Deletes the bytes. Inside the caller's transaction. */
  discard(client: Queryable, id: string): Promise<void>;
  /** Removes bytes of uploads that are over, and that nobody discarded. Returns of how many. */
  sweep(): Promise<number>;
}
