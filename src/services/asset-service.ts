import type { Database } from '../db/database.ts';
import { CinegraphError } from '../errors.ts';
import { type Asset, Prisma } from '../generated/prisma/client.ts';
import type { AssetFilter, AssetRecord, AssetService, Page, PageInput, Viewer } from './contract.ts';
import { parsePage, toPage } from './cursor.ts';
import { isUuid } from './uuid.ts';

export class Assets implements AssetService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(AssetRecord | null)[]> {
    const rows = await this.#database.prisma.asset.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) } } });
    const found = new Map(rows.map(row => [row.id, toAssetRecord(row)]));
    return ids.map(id => found.get(id) ?? null);
  }

  async byJobIds({ ownerId }: Viewer, jobIds: readonly string[]): Promise<AssetRecord[][]> {
    const rows = await this.#database.prisma.asset.findMany({ where: { ownerId, jobId: { in: jobIds.filter(isUuid) } }, orderBy: { candidate: 'asc' } });
    const found = Map.groupBy(rows.map(toAssetRecord), asset => asset.jobId);
    return jobIds.map(id => found.get(id) ?? []);
  }

  list(viewer: Viewer, page: PageInput, filter: AssetFilter, order: 'NEWEST' | 'OLDEST'): Promise<Page<AssetRecord>> {
    return this.#page(page, whereAsset(viewer, filter), order);
  }

  async count(viewer: Viewer, filter: AssetFilter): Promise<number> {
    const [row] = await this.#database.prisma.$queryRaw<{ count: number }[]>`SELECT count(*)::int AS count FROM asset a LEFT JOIN job j ON j.id = a.job_id WHERE ${whereAsset(viewer, filter)}`;
    return row?.count ?? 0;
  }

  parents(viewer: Viewer, assetId: string, page: PageInput): Promise<Page<AssetRecord>> {
    return this.#related(viewer, assetId, page, Prisma.sql`a.id IN (SELECT parent_id FROM asset_parent WHERE child_id = ${assetId}::uuid)`);
  }

  children(viewer: Viewer, assetId: string, page: PageInput): Promise<Page<AssetRecord>> {
    return this.#related(viewer, assetId, page, Prisma.sql`a.id IN (SELECT child_id FROM asset_parent WHERE parent_id = ${assetId}::uuid)`);
  }

  async open(sha256: string): ReturnType<AssetService['open']> {
    const blob = await this.#database.blobs.stat(sha256);
    if (blob === null) return null;
    return { byteSize: blob.byteSize, read: (start, end) => this.#database.blobs.read(sha256, start, end) };
  }

  async #related(viewer: Viewer, assetId: string, page: PageInput, relation: Prisma.Sql): Promise<Page<AssetRecord>> {
    const [asset] = await this.byIds(viewer, [assetId]);
    if (asset === undefined || asset === null) throw new CinegraphError('NOT_FOUND', undefined, { field: ['id'] });
    return this.#page(page, Prisma.sql`a.owner_id = ${viewer.ownerId} AND ${relation}`, 'NEWEST');
  }

  /** SQL finds the ids (keyset, text search, joins), Prisma reads the rows. */
  async #page(page: PageInput, where: Prisma.Sql, order: 'NEWEST' | 'OLDEST'): Promise<Page<AssetRecord>> {
    const request = parsePage(page);
    const { count, forward, from } = request;
    const [direction, side] = (order === 'NEWEST') === forward ? [Prisma.sql`DESC`, Prisma.sql`<`] : [Prisma.sql`ASC`, Prisma.sql`>`];
    const start = from === undefined ? Prisma.sql`true` : Prisma.sql`(a.created_at, a.id) ${side} (${from.createdAt}::timestamptz, ${from.id}::uuid)`;
    const ids = await this.#database.prisma.$queryRaw<{ id: string }[]>`
      SELECT a.id FROM asset a LEFT JOIN job j ON j.id = a.job_id
      WHERE ${where} AND ${start} ORDER BY a.created_at ${direction}, a.id ${direction} LIMIT ${count + 1}`;
    const rows = await this.#database.prisma.asset.findMany({ where: { id: { in: ids.map(({ id }) => id) } } });
    const found = new Map(rows.map(row => [row.id, toAssetRecord(row)]));
    return toPage(ids.flatMap(({ id }) => found.get(id) ?? []), request);
  }
}

function whereAsset({ ownerId }: Viewer, filter: AssetFilter): Prisma.Sql {
  const { kind, origin, tags, prompt, seed, task, createdAfter, createdBefore } = filter;
  const conditions = [Prisma.sql`a.owner_id = ${ownerId}`];
  if (kind) conditions.push(Prisma.sql`a.kind::text = ANY(${[...kind]}::text[])`);
  if (origin) conditions.push(Prisma.sql`a.origin::text = ${origin}`);
  if (tags && tags.length > 0) conditions.push(Prisma.sql`a.tags @> ${[...tags]}::text[]`);
  if (prompt) conditions.push(Prisma.sql`to_tsvector('simple', j.input ->> 'prompt') @@ plainto_tsquery('simple', ${prompt})`);
  if (seed !== undefined && seed !== null) conditions.push(Prisma.sql`j.seed = ${seed}`);
  if (task) conditions.push(Prisma.sql`j.task::text = ${task}`);
  if (createdAfter) conditions.push(Prisma.sql`a.created_at > ${createdAfter}::timestamptz`);
  if (createdBefore) conditions.push(Prisma.sql`a.created_at < ${createdBefore}::timestamptz`);
  return Prisma.join(conditions, ' AND ');
}

function toAssetRecord(row: Asset): AssetRecord {
  return row;
}
