import type { Database } from '../db/database.ts';
import type { Provenance } from '../media/credentials/credentials.ts';
import type { AssetRecord } from './contract.ts';

/** Parents that are named; a film has fewer. */
const MOST_PARENTS = 200;

/** What is said of an asset that was made here: from its row, its job's and its parents'. Of a job that was deleted the asset still knows a part. */
export async function provenanceOf(asset: AssetRecord, { pool }: Pick<Database, 'pool'>, version: string): Promise<Provenance> {
  const { rows: [made] } = await pool.query<{ name: string | null; digest: string | null; task: string | null; seed: number | null }>(
    `SELECT coalesce(j.model_name, a.model_name) AS name, j.model_digest AS digest, coalesce(j.task, a.task)::text AS task, coalesce(j.seed, a.seed) AS seed
     FROM asset a LEFT JOIN job j ON j.id = a.job_id WHERE a.id = $1`, [asset.id]);
  const { rows: parents } = await pool.query<{ assetId: string; sha256: string }>(
    `SELECT a.id AS "assetId", a.sha256 FROM asset_parent p JOIN asset a ON a.id = p.parent_id WHERE p.child_id = $1 ORDER BY a.created_at, a.id LIMIT ${MOST_PARENTS}`, [asset.id]);
  return {
    version, parents,
    title: asset.title ?? `${asset.kind.toLowerCase()} ${asset.id}`,
    model: { name: made?.name ?? 'unknown', digest: made?.digest ?? '' },
    task: made?.task ?? 'unknown',
    seed: made?.seed ?? 0,
    jobId: asset.jobId ?? '',
    assetId: asset.id,
  };
}
