import type { Queryable } from '../../db/blobs/blob-store.ts';
import type { Database } from '../../db/database.ts';
import { transaction } from '../../db/transaction.ts';
import { CACHE_ROWS } from './cache-rows.ts';

/** Jobs moved in one round. */
const BATCH = 100;
/** A model whose workers were not seen for so long is gone: longer than a restart with the same model takes. */
const GONE_SECONDS = 60;

export interface WaitingJob {
  readonly jobId: string;
  readonly queue: string;
  readonly turn: number;
  readonly rows: number;
}

/**
 * Jobs that wait for another bundle of this model's name that no worker has any more are made with this one: an upgrade leaves nobody
 * waiting. `move` puts a job from one queue into the other. Returns how many there were. Every worker may call it at any time.
 */
export async function adoptJobs({ pool }: Pick<Database, 'pool'>, model: { readonly name: string; readonly digest: string }, move: (client: Queryable, job: WaitingJob) => Promise<void>): Promise<number> {
  const { rows } = await pool.query<{ id: string }>(ORPHANS, [model.name, model.digest, GONE_SECONDS, BATCH]);
  let adopted = 0;
  for (const { id } of rows) {
    adopted += await transaction(pool, async client => {
      const job = (await client.query<WaitingJob>(ORPHAN, [id])).rows[0];
      if (job === undefined) return 0;
      await client.query('UPDATE job SET model_digest = $2 WHERE id = $1', [id, model.digest]);
      await move(client, job);
      return 1;
    });
  }
  return adopted;
}

/** The name that {@link queueOf} gives. */
const QUEUE_NAME = `'generation.' || left(worker.bundle_digest, 32)`;

const ORPHANS = `
  SELECT waiting.id FROM pgboss.job AS waiting JOIN job ON job.id = waiting.id
  WHERE waiting.name LIKE 'generation%' AND waiting.state < 'active' AND waiting.name <> 'generation.' || left($2::text, 32) AND job.model_name = $1
    AND NOT EXISTS (SELECT FROM worker WHERE seen_at > now() - $3 * interval '1 second' AND NOT draining AND ${QUEUE_NAME} = waiting.name)
  ORDER BY job.turn LIMIT $4`;

// The job's row first, as everybody does; then what is still waiting under the lock.
const ORPHAN = `
  WITH locked AS (SELECT id, turn, ${CACHE_ROWS} AS rows FROM job WHERE id = $1 AND status IN ('QUEUED', 'RUNNING') FOR UPDATE)
  SELECT waiting.id AS "jobId", waiting.name AS queue, locked.turn, locked.rows
  FROM locked JOIN pgboss.job AS waiting ON waiting.id = locked.id AND waiting.name LIKE 'generation%' AND waiting.state < 'active'
  FOR UPDATE OF waiting`;
