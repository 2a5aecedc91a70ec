import type { Queryable } from '../db/blobs/blob-store.ts';
import type { Database } from '../db/database.ts';

/** Finished jobs that a measurement looks at. */
const LATEST = 20;

/** How fast this machine has been lately. */
export interface Throughput {
  /** Tokens per second of one job, from its start until its outputs were stored. */
  readonly perJob: number;
  /** Tokens per second of all jobs that ran at once. */
  readonly together: number;
}

/** Measured on the latest jobs of the model that ran through in one attempt; undefined when there is none. */
export async function measureThroughput({ pool }: Database, modelDigest: string): Promise<Throughput | undefined> {
  const { rows } = await pool.query<{ tokens: number | null; each: number; busy: number }>(
    `WITH latest AS (
       SELECT tokens_total AS tokens, tstzrange(started_at, finished_at) AS span FROM job
       WHERE status = 'SUCCEEDED' AND model_digest = $1 AND attempt = 1 AND finished_at > started_at ORDER BY finished_at DESC LIMIT $2
     )
     SELECT sum(tokens)::float8 AS tokens, sum(seconds(span))::float8 AS each,
       (SELECT sum(seconds(span))::float8 FROM unnest((SELECT range_agg(span) FROM latest)) AS span) AS busy
     FROM latest`.replaceAll('seconds(span)', 'extract(epoch FROM upper(span) - lower(span))'),
    [modelDigest, LATEST],
  );
  const { tokens, each, busy } = rows[0] ?? { tokens: null, each: 0, busy: 0 };
  return tokens === null ? undefined : { perJob: tokens / each, together: tokens / busy };
}

/** Tokens that are still to be made for the jobs that run, and for those that wait for an earlier or the same turn. */
export async function tokensAhead({ pool }: Database, turn: number): Promise<{ readonly tokens: number; readonly waiting: number }> {
  const { rows } = await pool.query<{ tokens: number; waiting: number }>(
    `SELECT coalesce(sum(greatest(tokens_total - tokens_done, 0)), 0)::float8 AS tokens, count(*) FILTER (WHERE status = 'QUEUED')::int AS waiting
     FROM job WHERE status = 'RUNNING' OR (status = 'QUEUED' AND turn <= $1)`,
    [turn],
  );
  return rows[0] ?? { tokens: 0, waiting: 0 };
}

/** About how long until a job that waits makes room: the time between the ends of the last jobs, from 1 s to a minute. */
export async function untilNextEnd(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ ms: number | null }>(
    `SELECT (1000 * extract(epoch FROM max(finished_at) - min(finished_at)) / nullif(count(*) - 1, 0))::float8 AS ms
     FROM (SELECT finished_at FROM job WHERE status = 'SUCCEEDED' ORDER BY finished_at DESC LIMIT $1) AS latest`,
    [LATEST],
  );
  return Math.round(Math.min(60_000, Math.max(1_000, rows[0]?.ms ?? 1_000)));
}
