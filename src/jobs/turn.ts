import type { Queryable } from '../db/blobs/blob-store.ts';

/**
 * The turn of an owner's next job: start-time fair queueing (Goyal, Vin and Cheng, 1996) with owners as flows and one job as the unit of work.
 *
 * Of the jobs that wait, the lowest turn runs first. Each further job of an owner gets a turn of its own, so a hundred jobs of one owner
 * leave room for another's between any two of them. Who comes back after a pause starts at the turn that is being served, not behind what
 * others did meanwhile and not before what they wait for: nobody starves, and nobody saves up.
 *
 * Call it inside the transaction that stores the job: it lets one transaction per owner through at a time.
 */
export async function nextTurn(transaction: Queryable, ownerId: string): Promise<number> {
  await transaction.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`jobs of ${ownerId}`]);
  const { rows } = await transaction.query<{ turn: number }>(
    `SELECT greatest(
       coalesce((SELECT min(turn) FROM job WHERE status = 'QUEUED'), (SELECT max(turn) FROM job WHERE status = 'RUNNING'), 0),
       (SELECT max(turn) + 1 FROM job WHERE owner_id = $1 AND status IN ('QUEUED', 'RUNNING'))) AS turn`,
    [ownerId],
  );
  return rows[0]?.turn ?? 0;
}
