import type pg from 'pg';
import type { Database } from '../db/database.ts';
import type { Log } from '../db/log.ts';
import { transaction } from '../db/transaction.ts';
import { Rounds } from './rounds.ts';

const INTERVAL_MS = 60_000;
/** Jobs, or deliveries, of one transaction: it stays short. */
const BATCH = 50;
/** Of all processes on a database one sweeps at a time. The number says nothing. */
const SWEEPER_LOCK = 7_236_001;

export interface RetentionOptions {
  readonly database: Database;
  /** Ages after the end of a job. */
  readonly previewRetentionMs: number;
  readonly eventRetentionMs: number;
  /** Of jobs that have no asset, or none any more. */
  readonly jobRetentionMs: number;
}

/** Sweeps now and once a minute. Owner: the composition root, which stops it before it closes the database. */
export function startRetention({ log, ...options }: RetentionOptions & { readonly log: Log }): Rounds {
  return new Rounds({ everyMs: INTERVAL_MS, atOnce: true, doing: 'sweeping old previews and events', log }, stopping => sweep(options, stopping));
}

/** Deletes what is older than its retention, in short transactions, until nothing is left. Returns how many jobs were swept. */
export async function sweep({ database, previewRetentionMs, eventRetentionMs, jobRetentionMs }: RetentionOptions, stopping?: AbortSignal): Promise<number> {
  let jobs = 0;
  const untilDone = async (batch: (client: pg.PoolClient) => Promise<number>): Promise<void> => {
    let swept: number;
    do {
      if (stopping?.aborted === true) return;
      swept = await transaction(database.pool, client => batchAlone(client, batch));
      jobs += swept;
    } while (swept === BATCH);
  };
  await untilDone(client => sweepJobs(client, 1, previewRetentionMs, 'WITH sounds AS (DELETE FROM preview_sound WHERE job_id = ANY($1::uuid[])) DELETE FROM preview_frame WHERE job_id = ANY($1::uuid[])'));
  // Their pictures go with them. State events stay: a stream that is replayed later still ends with JobFinished.
  await untilDone(client => sweepJobs(client, 2, eventRetentionMs,
    `DELETE FROM job_event WHERE job_id = ANY($1::uuid[]) AND type IN ('TokensGenerated', 'FramesDecoded', 'AudioDecoded', 'TextDecoded')`));
  await untilDone(client => sweepDeliveries(client, eventRetentionMs));
  await untilDone(client => removeJobs(client, jobRetentionMs));
  return jobs;
}

/** 0 when another process sweeps. */
async function batchAlone(client: pg.PoolClient, batch: (client: pg.PoolClient) => Promise<number>): Promise<number> {
  const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [SWEEPER_LOCK]);
  return rows[0]?.mine === true ? batch(client) : 0;
}

/** The oldest ended jobs that have not come to this level yet (see Job.swept). */
async function sweepJobs(client: pg.PoolClient, level: 1 | 2, ageMs: number, remove: string): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM job WHERE swept < $1 AND finished_at < now() - $2 * interval '1 millisecond' ORDER BY finished_at LIMIT ${BATCH}`,
    [level, ageMs],
  );
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  await client.query(remove, [ids]);
  await client.query('UPDATE job SET swept = $2 WHERE id = ANY($1::uuid[])', [ids, level]);
  return ids.length;
}

/** Their events go with them. An asset keeps its job, which says what it was made from. */
async function removeJobs(client: pg.PoolClient, ageMs: number): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM job WHERE id IN (SELECT id FROM job WHERE finished_at < now() - $1 * interval '1 millisecond' AND NOT EXISTS (SELECT FROM asset WHERE asset.job_id = job.id) ORDER BY finished_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    [ageMs],
  );
  return rowCount ?? 0;
}

async function sweepDeliveries(client: pg.PoolClient, ageMs: number): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE created_at < now() - $1 * interval '1 millisecond' AND status <> 'PENDING' LIMIT ${BATCH})`,
    [ageMs],
  );
  return rowCount ?? 0;
}
