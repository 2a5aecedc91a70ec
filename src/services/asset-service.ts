import type { BlobStore } from '../db/blobs/blob-store.ts';
import type { Database } from '../db/database.ts';
import { CinegraphError } from '../errors.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { Media } from '../media/media.ts';
import { VISIBLE, whereAsset } from './asset-filter.ts';
import { AssetVariants } from './asset-variants.ts';
import type { AssetFilter, AssetOrder, AssetRecord, AssetService, OpenBytes, Page, PageInput, Relation, UpdateAssetInput, VariantFormat, Viewer } from './contract.ts';
import { type PageRequest, parsePage, toPage } from './cursor.ts';
import { checkTags, checkText, LONGEST_TITLE } from './generation-input.ts';
import { checkTtl } from './upload-input.ts';
import { isUuid } from './uuid.ts';

export interface AssetDeps {
  readonly database: Database;
  readonly media: Pick<Media, 'convert' | 'credentials'>;
  /** Of the program, for what is signed. */
  readonly version: string;
  /** How long a deleted asset can be restored. */
  readonly graceSeconds: number;
}

/** Bytes that are read together with their asset's row, at most. */
const MAX_INLINE_BYTES = 65_536;

/**
 * What the URL names, the content or the thumbnail. No bytes when there are many of them, or when an object store has them. Named: each
 * connection plans it once, which is three quarters of its cost.
 */
const OPEN = {
  name: 'open-asset',
  text: `
  SELECT a.title, b.byte_size AS "byteSize", CASE WHEN a.sha256 = $2 THEN a.content_type ELSE 'image/webp' END AS "contentType", c.bytes
  FROM asset a JOIN blob b ON b.sha256 = $2 LEFT JOIN blob_chunk c ON c.sha256 = $2 AND c.index = 0 AND b.byte_size <= $3
  WHERE a.id = $1 AND (a.sha256 = $2 OR a.thumbnail_sha256 = $2) AND ${VISIBLE.sql}`,
};

interface OpenRow extends Pick<OpenBytes, 'title' | 'byteSize' | 'contentType'> {
  readonly bytes: Buffer | null;
}

export class Assets implements AssetService {
  readonly #deps: AssetDeps;
  readonly #variants: AssetVariants;

  constructor(deps: AssetDeps) {
    this.#deps = deps;
    this.#variants = new AssetVariants(deps);
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[], { deleted = false } = {}): Promise<(AssetRecord | null)[]> {
    const rows = await this.#prisma.asset.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) }, ...(deleted ? {} : visible()) } });
    const found = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => found.get(id) ?? null);
  }

  async byJobIds({ ownerId }: Viewer, jobIds: readonly string[]): Promise<AssetRecord[][]> {
    const rows = await this.#prisma.asset.findMany({ where: { ownerId, jobId: { in: jobIds.filter(isUuid) }, shot: null, ...visible() }, orderBy: { candidate: 'asc' } });
    const found = Map.groupBy(rows, asset => asset.jobId);
    return jobIds.map(id => found.get(id) ?? []);
  }

  async shotsByJobIds({ ownerId }: Viewer, jobIds: readonly string[]): Promise<AssetRecord[][]> {
    const rows = await this.#prisma.asset.findMany({ where: { ownerId, jobId: { in: jobIds.filter(isUuid) }, shot: { not: null }, ...visible() }, orderBy: { shot: 'asc' } });
    const found = Map.groupBy(rows, asset => asset.jobId);
    return jobIds.map(id => found.get(id) ?? []);
  }

  async candidate(viewer: Viewer, assetId: string): Promise<AssetRecord> {
    const [asset] = await this.byIds(viewer, [assetId]);
    const field = ['input', 'asset'];
    if (asset === undefined || asset === null) throw new CinegraphError('NOT_FOUND', undefined, { field });
    if (asset.jobId === null || asset.candidate === null) throw new CinegraphError('INVALID_INPUT', 'This asset is not a candidate of a job.', { field });
    return asset;
  }

  async choose(viewer: Viewer, assetId: string): Promise<AssetRecord> {
    const asset = await this.candidate(viewer, assetId);
    // One statement: there is never more than one chosen candidate to be seen.
    await this.#deps.database.pool.query('UPDATE asset SET chosen = (id = $1) WHERE job_id = $2 AND owner_id = $3', [assetId, asset.jobId, viewer.ownerId]);
    return { ...asset, chosen: true };
  }

  /** SQL finds the ids (keyset, text search), Prisma reads the rows. */
  async list(viewer: Viewer, page: PageInput, filter: AssetFilter, order: AssetOrder): Promise<Page<AssetRecord>> {
    const request = parsePage(page);
    const ids = await this.#prisma.$queryRaw<{ id: string }[]>`
      SELECT a.id FROM asset a WHERE ${whereAsset(viewer, filter, this.#deps.graceSeconds)} AND ${keyset(request, order)}`;
    return toPage(await this.#rows(ids.map(({ id }) => id)), request);
  }

  async count(viewer: Viewer, filter: AssetFilter): Promise<number> {
    const [row] = await this.#prisma.$queryRaw<{ count: number }[]>`SELECT count(*)::int AS count FROM asset a WHERE ${whereAsset(viewer, filter, this.#deps.graceSeconds)}`;
    return row?.count ?? 0;
  }

  /** One statement for the pages of all of them. */
  async relatives({ ownerId }: Viewer, relation: Relation, assetIds: readonly string[], page: PageInput): Promise<Page<AssetRecord>[]> {
    const request = parsePage(page);
    const [near, far] = relation === 'parents' ? [Prisma.sql`child_id`, Prisma.sql`parent_id`] : [Prisma.sql`parent_id`, Prisma.sql`child_id`];
    const found = await this.#prisma.$queryRaw<{ subject: string; id: string }[]>`
      SELECT s.id AS subject, r.id FROM asset s, LATERAL (
        SELECT a.id, a.created_at FROM asset_parent p JOIN asset a ON a.id = p.${far}
        WHERE p.${near} = s.id AND a.owner_id = ${ownerId} AND ${VISIBLE} AND ${keyset(request, 'NEWEST')}
      ) r WHERE s.id = ANY(${assetIds.filter(isUuid)}::uuid[]) AND s.owner_id = ${ownerId}`;
    const rows = new Map((await this.#rows([...new Set(found.map(({ id }) => id))])).map(row => [row.id, row]));
    const bySubject = Map.groupBy(found, ({ subject }) => subject);
    const nearest = (a: AssetRecord, b: AssetRecord): number => (request.forward ? -1 : 1) * (a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
    return assetIds.map(id => toPage((bySubject.get(id) ?? []).flatMap(each => rows.get(each.id) ?? []).sort(nearest), request));
  }

  async update(viewer: Viewer, { id, title, tags, timeToLiveSeconds }: UpdateAssetInput): Promise<AssetRecord> {
    const asset = await this.#own(viewer, id);
    const ttl = timeToLiveSeconds === undefined ? undefined : checkTtl(timeToLiveSeconds);
    await this.#prisma.asset.updateMany({
      where: { id: asset.id, ownerId: viewer.ownerId },
      data: {
        ...(title === undefined ? {} : { title: checkText(title, 'title', LONGEST_TITLE) }),
        ...(tags == null ? {} : { tags: [...checkTags(tags)] }),
        ...(ttl === undefined ? {} : { expiresAt: ttl === null ? null : new Date(Date.now() + ttl * 1000) }),
      },
    });
    return this.#own(viewer, id);
  }

  async delete(viewer: Viewer, id: string): Promise<{ readonly id: string; readonly restorableUntil: Date }> {
    await this.#own(viewer, id);
    const deletedAt = new Date();
    const { count } = await this.#prisma.asset.updateMany({ where: { id, ownerId: viewer.ownerId, deletedAt: null }, data: { deletedAt } });
    if (count === 0) throw notFound();
    return { id, restorableUntil: new Date(deletedAt.getTime() + this.#deps.graceSeconds * 1000) };
  }

  /** A time to live that is over is taken away: else it would be deleted again at once. */
  async restore(viewer: Viewer, id: string): Promise<AssetRecord> {
    const rows = isUuid(id)
      ? await this.#deps.database.pool.query(
          `UPDATE asset SET deleted_at = NULL, expires_at = CASE WHEN expires_at > now() THEN expires_at END
           WHERE id = $1 AND owner_id = $2 AND deleted_at > now() - $3 * interval '1 second'`,
          [id, viewer.ownerId, this.#deps.graceSeconds],
        )
      : { rowCount: 0 };
    if (rows.rowCount !== 1) throw new CinegraphError('NOT_FOUND', 'No deleted asset with this id can be restored.', { field: ['input', 'assetId'] });
    return this.#own(viewer, id);
  }

  /** A library that is scrolled asks for a hundred thumbnails in a second: one statement, which brings the bytes along. */
  async open(assetId: string, sha256: string): Promise<OpenBytes | null> {
    if (!isUuid(assetId)) return null;
    const { blobs, pool } = this.#deps.database;
    const { rows } = await pool.query<OpenRow>({ ...OPEN, values: [assetId, sha256, MAX_INLINE_BYTES] });
    if (rows[0] === undefined) return null;
    const { bytes, ...found } = rows[0];
    return { sha256, ...found, ...(bytes === null ? stored(blobs, sha256, found.contentType) : inMemory(bytes)) };
  }

  async export(assetId: string, sha256: string): Promise<OpenBytes | null> {
    const asset = await this.#visible(assetId);
    if (asset === null || sha256 !== asset.sha256) return this.open(assetId, sha256);
    return this.#bytes(asset, await this.#variants.signed(asset));
  }

  async openVariant(assetId: string, format: VariantFormat): Promise<OpenBytes | null> {
    const asset = await this.#visible(assetId);
    return asset === null ? null : this.#bytes(asset, await this.#variants.get(asset, format));
  }

  #visible(id: string): Promise<AssetRecord | null> {
    return isUuid(id) ? this.#prisma.asset.findFirst({ where: { id, ...visible() } }) : Promise.resolve(null);
  }

  async #bytes({ title }: AssetRecord, { sha256, contentType }: { readonly sha256: string; readonly contentType: string }): Promise<OpenBytes | null> {
    const { blobs } = this.#deps.database;
    const blob = await blobs.stat(sha256);
    return blob === null ? null : { sha256, contentType, title, byteSize: blob.byteSize, ...stored(blobs, sha256, contentType) };
  }

  /** In the order of the ids. */
  async #rows(ids: readonly string[]): Promise<AssetRecord[]> {
    const rows = await this.#prisma.asset.findMany({ where: { id: { in: [...ids] } } });
    const found = new Map(rows.map(row => [row.id, row]));
    return ids.flatMap(id => found.get(id) ?? []);
  }

  async #own(viewer: Viewer, id: string): Promise<AssetRecord> {
    const [asset] = await this.byIds(viewer, [id]);
    if (asset === undefined || asset === null) throw notFound();
    return asset;
  }

  get #prisma(): Database['prisma'] {
    return this.#deps.database.prisma;
  }
}

function stored(blobs: BlobStore, sha256: string, contentType: string): Pick<OpenBytes, 'read' | 'link'> {
  return {
    read: (start, end) => blobs.read(sha256, start, end),
    link: (disposition, seconds) => blobs.link(sha256, { contentType, disposition, seconds }),
  };
}

function inMemory(bytes: Buffer): Pick<OpenBytes, 'read' | 'link'> {
  return { read: (start, end) => bytes.subarray(start, end + 1), link: () => Promise.resolve(null) };
}

export function visible(): Prisma.AssetWhereInput {
  return { deletedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] };
}

function notFound(): CinegraphError {
  return new CinegraphError('NOT_FOUND', undefined, { field: ['input', 'assetId'] });
}

/** The rest of a condition, the order and the limit of a page. */
function keyset({ count, forward, from }: PageRequest, order: AssetOrder): Prisma.Sql {
  const [direction, side] = (order === 'NEWEST') === forward ? [Prisma.sql`DESC`, Prisma.sql`<`] : [Prisma.sql`ASC`, Prisma.sql`>`];
  const start = from === undefined ? Prisma.sql`true` : Prisma.sql`(a.created_at, a.id) ${side} (${from.createdAt}::timestamptz, ${from.id}::uuid)`;
  return Prisma.sql`${start} ORDER BY a.created_at ${direction}, a.id ${direction} LIMIT ${count + 1}`;
}
