import { CinegraphError } from '../errors.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { AssetFilter, Viewer } from './contract.ts';
import { isUnstorable, MOST_TAGS } from './generation-input.ts';

const LONGEST_SEARCH = 500;

/** What is neither deleted nor past its time to live. `a` is the asset. */
export const VISIBLE = Prisma.sql`a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())`;

/** The conditions of a list, over the alias `a`; all columns stand in the asset's own row. Throws INVALID_INPUT. */
export function whereAsset({ ownerId }: Viewer, filter: AssetFilter, graceSeconds: number): Prisma.Sql {
  check(filter);
  const { kind, origin, tags, search, prompt, seed, task, model, descendantOf, createdAfter, createdBefore, deleted } = filter;
  const restorable = Prisma.sql`a.deleted_at > now() - ${graceSeconds} * interval '1 second'`;
  const conditions = [Prisma.sql`a.owner_id = ${ownerId}`, deleted === true ? restorable : VISIBLE];
  if (kind) conditions.push(Prisma.sql`a.kind = ANY(${[...kind]}::"AssetKind"[])`);
  if (origin) conditions.push(Prisma.sql`a.origin = ${origin}::"AssetOrigin"`);
  if (tags && tags.length > 0) conditions.push(Prisma.sql`a.tags @> ${[...tags]}::text[]`);
  if (search?.trim()) conditions.push(Prisma.sql`a.search @@ asset_search_query(${search})`);
  if (prompt?.trim()) conditions.push(Prisma.sql`EXISTS (SELECT FROM job j WHERE j.id = a.job_id AND to_tsvector('simple', j.input ->> 'prompt') @@ plainto_tsquery('simple', ${prompt}))`);
  if (seed !== undefined && seed !== null) conditions.push(Prisma.sql`a.seed = ${seed}`);
  if (task) conditions.push(Prisma.sql`a.task = ${task}::"Task"`);
  if (model) conditions.push(Prisma.sql`a.model_name = ${model}`);
  if (descendantOf) conditions.push(Prisma.sql`a.id IN (${descendants(descendantOf)})`);
  if (createdAfter) conditions.push(Prisma.sql`a.created_at >= ${createdAfter}::timestamptz`);
  if (createdBefore) conditions.push(Prisma.sql`a.created_at < ${createdBefore}::timestamptz`);
  return Prisma.join(conditions, ' AND ');
}

/** UNION drops what was seen: a ring would not be walked for ever. */
function descendants(id: string): Prisma.Sql {
  return Prisma.sql`
    WITH RECURSIVE made AS (
      SELECT child_id FROM asset_parent WHERE parent_id = ${id}::uuid
      UNION SELECT p.child_id FROM asset_parent p JOIN made m ON p.parent_id = m.child_id
    ) SELECT child_id FROM made`;
}

function check({ tags, search, prompt, createdAfter, createdBefore }: AssetFilter): void {
  if ((tags?.length ?? 0) > MOST_TAGS) refuse('tags', `There may be up to ${MOST_TAGS} tags.`);
  for (const [field, text] of [['search', search], ['prompt', prompt], ...(tags ?? []).map(tag => ['tags', tag] as const)] as const) {
    if (text != null && (text.length > LONGEST_SEARCH || isUnstorable(text))) refuse(field, `${field} must have up to ${LONGEST_SEARCH} characters, none of them null or half of one.`);
  }
  for (const [field, date] of [['createdAfter', createdAfter], ['createdBefore', createdBefore]] as const) {
    // Postgres and JavaScript write years of five digits differently.
    if (date != null && !(date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999)) refuse(field, `${field} must lie in the years 1 to 9999.`);
  }
}

function refuse(field: string, message: string): never {
  throw new CinegraphError('INVALID_INPUT', message, { field: ['filter', field] });
}
