import type { Queryable } from '../db/blobs/blob-store.ts';
import { bytesOf, codesOf } from './asset-tokens.ts';

/** How far a request of a job has come. */
export interface Checkpoint {
  /** Which request of the job: the shot of a film, else 0. */
  readonly part: number;
  /** The model that made the codes. */
  readonly modelDigest: string;
  /** Of each candidate, all of the same length. */
  readonly codes: readonly Int32Array[];
}

/** False when the attempt does not have the job any more; then nothing was stored. */
export async function saveCheckpoint(client: Queryable, { jobId, attempt }: { readonly jobId: string; readonly attempt: number }, { part, modelDigest, codes }: Checkpoint): Promise<boolean> {
  const { rowCount } = await client.query(
    `WITH own AS (SELECT id FROM job WHERE id = $1 AND attempt = $2 AND status = 'RUNNING' FOR UPDATE)
     INSERT INTO job_checkpoint (job_id, part, model_digest, codes) SELECT id, $3, $4, $5 FROM own
     ON CONFLICT (job_id, part) DO UPDATE SET model_digest = excluded.model_digest, codes = excluded.codes`,
    [jobId, attempt, part, modelDigest, Buffer.concat(codes.map(bytesOf))],
  );
  return rowCount === 1;
}

/** What an earlier attempt has made with this model; undefined when there is nothing. */
export async function readCheckpoint(client: Queryable, jobId: string, part: number, modelDigest: string, candidates: number): Promise<readonly Int32Array[] | undefined> {
  const { rows } = await client.query<{ codes: Buffer }>('SELECT codes FROM job_checkpoint WHERE job_id = $1 AND part = $2 AND model_digest = $3', [jobId, part, modelDigest]);
  if (rows[0] === undefined) return undefined;
  const codes = codesOf(rows[0].codes);
  const length = codes.length / candidates;
  return Array.from({ length: candidates }, (_, candidate) => codes.subarray(candidate * length, (candidate + 1) * length));
}
