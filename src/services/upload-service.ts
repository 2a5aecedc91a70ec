import { createHash, randomUUID } from 'node:crypto';
import type { Queryable } from '../db/blobs/blob-store.ts';
import { CHUNK_BYTES } from '../db/blobs/postgres-blob-store.ts';
import type { Database } from '../db/database.ts';
import { asCinegraphError } from '../db/pg-error.ts';
import { transaction } from '../db/transaction.ts';
import type { UploadStore } from '../db/blobs/upload-store.ts';
import { CinegraphError, ERRORS, type ErrorCode } from '../errors.ts';
import type { Upload } from '../generated/prisma/client.ts';
import type { Claim } from '../media/credentials/credentials.ts';
import type { UploadKind } from '../media/media-kinds.ts';
import type { Media } from '../media/media.ts';
import type { AssetRecord, CreateUploadInput, UploadRecord, UploadService, Viewer } from './contract.ts';
import { MarkerScan } from './marker-scan.ts';
import { checkUpload } from './upload-input.ts';
import { isUuid } from './uuid.ts';

/** Bounds of uploads, from the configuration. */
export interface UploadLimits {
  readonly maxBytes: number;
  /** Uploads of one viewer that are neither finalized nor expired. */
  readonly maxOpen: number;
  readonly ttlSeconds: number;
}

export interface UploadDeps {
  readonly database: Database;
  readonly media: Pick<Media, 'inspect' | 'credentials'>;
  readonly limits: UploadLimits;
}

/** Faults of the file itself: the upload is over, and says the same when it is finalized again. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['CHECKSUM_MISMATCH', 'MEDIA_TYPE_NOT_SUPPORTED', 'MEDIA_TOO_LARGE', 'MEDIA_CORRUPT']);

export class Uploads implements UploadService {
  readonly #deps: UploadDeps;
  readonly #store: UploadStore;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
    this.#store = deps.database.uploads;
  }

  async create({ ownerId }: Viewer, input: CreateUploadInput): Promise<UploadRecord> {
    const { database, limits } = this.#deps;
    const checked = checkUpload(input, limits.maxBytes);
    const id = randomUUID();
    await transaction(database.pool, async client => {
      // One at a time for each owner: else two requests see the same free place.
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`upload:${ownerId}`]);
      const { rows } = await client.query<{ open: number }>('SELECT count(*)::int AS open FROM upload WHERE owner_id = $1 AND expires_at > now() AND asset_id IS NULL AND error_code IS NULL', [ownerId]);
      if ((rows[0]?.open ?? 0) >= limits.maxOpen) throw new CinegraphError('UPLOAD_LIMIT_REACHED', `${limits.maxOpen} uploads are open already. Finalize them, or wait until they expire.`);
      const { filename, contentType, byteSize, kind, sha256, title, tags, assetTtl } = checked;
      await client.query(
        `INSERT INTO upload (id, owner_id, kind, filename, content_type, byte_size, sha256, title, tags, asset_ttl, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11 * interval '1 second')`,
        [id, ownerId, kind, filename, contentType, byteSize, sha256, title, tags, assetTtl, limits.ttlSeconds],
      );
    }).catch((error: unknown) => Promise.reject(asCinegraphError(error) as Error));
    return database.prisma.upload.findUniqueOrThrow({ where: { id } });
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(UploadRecord | null)[]> {
    const rows = await this.#deps.database.prisma.upload.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) }, expiresAt: { gt: new Date() } } });
    return ids.map(id => rows.find(row => row.id === id) ?? null);
  }

  async find(id: string): Promise<UploadRecord | null> {
    return isUuid(id) ? this.#deps.database.prisma.upload.findFirst({ where: { id, expiresAt: { gt: new Date() } } }) : null;
  }

  async directUrl({ id, byteSize, received, expiresAt }: UploadRecord): Promise<string | null> {
    const seconds = Math.floor((expiresAt.getTime() - Date.now()) / 1000);
    return received > 0 || seconds <= 0 ? null : this.#store.directUrl(id, byteSize, seconds);
  }

  async append(id: string, offset: number, body: AsyncIterable<Uint8Array>): Promise<UploadRecord> {
    const upload = await this.find(id);
    if (upload === null) throw new CinegraphError('NOT_FOUND', 'This upload does not exist or has expired.');
    refuseRefused(upload);
    let at = offset;
    if (upload.received !== at) throw conflict(upload.received);
    let held = Buffer.alloc(0);
    const write = async (piece: Buffer): Promise<void> => {
      if (piece.byteLength === 0) return;
      if (!(await this.#store.append(id, at, piece))) throw conflict((await this.find(id))?.received ?? 0);
      at += piece.byteLength;
    };
    const tooLarge = await forEachPiece(body, upload.byteSize - at, async bytes => {
      held = Buffer.concat([held, bytes]);
      // Up to the next edge of a chunk: at most one chunk is held in memory.
      for (let room = CHUNK_BYTES - (at % CHUNK_BYTES); held.byteLength >= room; room = CHUNK_BYTES - (at % CHUNK_BYTES)) {
        const piece = held.subarray(0, room);
        held = Buffer.from(held.subarray(room));
        await write(piece);
      }
      // What a broken connection leaves behind counts: the client goes on from there.
    }, () => write(held));
    if (tooLarge) throw new CinegraphError('UPLOAD_TOO_LARGE', `The upload was announced with ${upload.byteSize} bytes; more came.`);
    return { ...upload, received: at };
  }

  async finalize({ ownerId }: Viewer, id: string): Promise<AssetRecord> {
    const { database } = this.#deps;
    const upload = isUuid(id) ? await database.prisma.upload.findFirst({ where: { id, ownerId, OR: [{ expiresAt: { gt: new Date() } }, { assetId: { not: null } }] } }) : null;
    if (upload === null) throw new CinegraphError('NOT_FOUND', 'This upload does not exist, is not yours, or has expired.', { field: ['input', 'uploadId'] });
    refuseRefused(upload);
    if (upload.assetId !== null) return this.#asset(upload.assetId);
    if (upload.received < upload.byteSize && !(await this.#store.seal(id, upload.byteSize))) {
      throw new CinegraphError('UPLOAD_INCOMPLETE', `${upload.received} of ${upload.byteSize} bytes are here. Send the rest, from that offset on, then finalize again.`, { field: ['input', 'uploadId'] });
    }
    try {
      return await this.#asset(await this.#makeAsset(upload));
    } catch (error) {
      // Finalized twice at once, and the other one was faster: its bytes are no longer ours to read.
      const { assetId = null } = (await database.prisma.upload.findUnique({ where: { id } })) ?? {};
      if (assetId !== null) return this.#asset(assetId);
      if (!(error instanceof CinegraphError)) throw asCinegraphError(error);
      if (FINAL.has(error.code)) await this.#refuse(id, error);
      throw new CinegraphError(error.code, error.message, { field: ['input', 'uploadId'], cause: error.cause });
    }
  }

  async #makeAsset(upload: Upload): Promise<string> {
    const { database, media } = this.#deps;
    const hash = createHash('sha256');
    const marker = new MarkerScan('c2pa');
    const store = this.#store;
    const seen = await media.inspect({
      byteSize: upload.byteSize,
      async *read(start, end) {
        for await (const part of store.read(upload.id, start, end)) {
          hash.update(part);
          marker.update(part);
          yield part;
        }
      },
    }, upload.kind as UploadKind);
    const sha256 = hash.digest('hex');
    if (upload.sha256 !== null && upload.sha256 !== sha256) throw new CinegraphError('CHECKSUM_MISMATCH', `The bytes have the SHA-256 ${sha256}; announced was ${upload.sha256}.`);
    const claim = marker.seen ? await media.credentials.read(Buffer.concat(await Array.fromAsync(store.read(upload.id, 0, upload.byteSize - 1))), seen.contentType) : null;
    return transaction(database.pool, async client => {
      const { rows } = await client.query<{ assetId: string | null }>('SELECT asset_id AS "assetId" FROM upload WHERE id = $1 FOR UPDATE', [upload.id]);
      // Finalized twice at once: the other one was faster.
      if (rows[0]?.assetId != null) return rows[0].assetId;
      await store.toBlob(client, upload.id, { sha256, byteSize: upload.byteSize });
      const thumbnail = await database.blobs.put(seen.thumbnail, client);
      const assetId = await insertAsset(client, upload, { ...seen, claim, sha256, thumbnailSha256: thumbnail.sha256 });
      await client.query('UPDATE upload SET asset_id = $2 WHERE id = $1', [upload.id, assetId]);
      return assetId;
    });
  }

  async #refuse(id: string, { code, message }: CinegraphError): Promise<void> {
    await transaction(this.#deps.database.pool, async client => {
      await this.#store.discard(client, id);
      await client.query('UPDATE upload SET error_code = $2, error_message = $3 WHERE id = $1 AND asset_id IS NULL', [id, code, message || ERRORS[code].message]);
    });
  }

  async #asset(id: string): Promise<AssetRecord> {
    const row = await this.#deps.database.prisma.asset.findUnique({ where: { id } });
    if (row === null) throw new CinegraphError('NOT_FOUND', 'The asset of this upload was deleted.', { field: ['input', 'uploadId'] });
    return row;
  }
}

type Seen = Omit<Awaited<ReturnType<Media['inspect']>>, 'thumbnail'> & { readonly claim: Claim | null; readonly sha256: string; readonly thumbnailSha256: string };

async function insertAsset(client: Queryable, upload: Upload, seen: Seen): Promise<string> {
  const id = randomUUID();
  await client.query(
    `INSERT INTO asset (id, owner_id, kind, origin, title, tags, content_type, byte_size, sha256, width, height, fps, frame_count, duration_ms,
       has_audio, thumbhash, thumbnail_sha256, sample_rate_hz, channels, expires_at, claim)
     VALUES ($1, $2, $3, 'UPLOADED', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, now() + $19 * interval '1 second', $20)`,
    [id, upload.ownerId, upload.kind, upload.title ?? upload.filename.slice(0, 200), upload.tags, seen.contentType, upload.byteSize, seen.sha256, seen.width, seen.height, seen.fps, seen.frameCount,
      seen.durationMs, seen.hasAudio, seen.thumbhash || null, seen.thumbnailSha256, seen.sampleRateHz, seen.channels, upload.assetTtl, seen.claim === null ? null : JSON.stringify(seen.claim)],
  );
  return id;
}

/** Feeds up to `room` bytes; `last` is called at the end also when the body breaks off. True when more came than there was room for. */
async function forEachPiece(body: AsyncIterable<Uint8Array>, room: number, use: (bytes: Uint8Array) => Promise<void>, last: () => Promise<void>): Promise<boolean> {
  let left = room;
  try {
    for await (const bytes of body) {
      await use(bytes.subarray(0, left));
      if (bytes.byteLength > left) {
        await last();
        return true;
      }
      left -= bytes.byteLength;
    }
  } catch (error) {
    if (error instanceof CinegraphError) throw error;
    await last();
    throw error;
  }
  await last();
  return false;
}

function refuseRefused({ errorCode, errorMessage }: UploadRecord): void {
  if (errorCode !== null) throw new CinegraphError(errorCode as ErrorCode, errorMessage ?? undefined, { field: ['input', 'uploadId'] });
}

function conflict(received: number): CinegraphError {
  return new CinegraphError('UPLOAD_OFFSET_CONFLICT', `The upload goes on at offset ${received}.`);
}
