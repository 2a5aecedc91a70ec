import type { Queryable } from '../../db/blobs/blob-store.ts';
import type { Database } from '../../db/database.ts';
import { CinegraphError } from '../../errors.ts';
import type { Viewer } from '../contract.ts';

/** How soon to look again whether a job has ended, in ms. */
const JOB_RETRY_MS = 5_000;
const DAY_MS = 86_400_000;

/** What one owner may have, whichever of its credentials asks. Undefined: no limit. */
export interface Quota {
  /** Jobs that wait or run. */
  readonly activeJobs: number | undefined;
  /** Tokens of the jobs of the last 24 hours: generated, or reserved for those that have not ended. */
  readonly tokensPerDay: number | undefined;
}

export const NO_QUOTA: Quota = { activeJobs: undefined, tokensPerDay: undefined };

export interface Usage {
  readonly activeJobs: number;
  readonly tokens: number;
}

/** What a job counts for: all its tokens until it has ended, then those that were generated. */
const TOKENS = `CASE WHEN status IN ('QUEUED', 'RUNNING') THEN tokens_total ELSE tokens_done END`;
const RECENT = `created_at > now() - interval '24 hours'`;

/**
 * Throws TOO_MANY_JOBS or TOKEN_BUDGET_SPENT, with the time to wait. tokens: of the job that is about to be stored. Call it inside that
 * transaction, after the owner's turn was taken: then no other job of the owner is stored meanwhile, and the limits are exact.
 */
export async function checkQuota(transaction: Queryable, ownerId: string, tokens: number, { activeJobs, tokensPerDay }: Quota): Promise<void> {
  if (activeJobs === undefined && tokensPerDay === undefined) return;
  const usage = await readUsage(transaction, ownerId);
  if (activeJobs !== undefined && usage.activeJobs >= activeJobs) {
    throw new CinegraphError('TOO_MANY_JOBS', `${usage.activeJobs} of your jobs are waiting or running; ${activeJobs} are allowed. Wait until one has ended.`, { retryAfterMs: JOB_RETRY_MS });
  }
  if (tokensPerDay === undefined || usage.tokens + tokens <= tokensPerDay) return;
  const message = `The job takes ${tokens} tokens; you have used ${usage.tokens} of ${tokensPerDay} in the last 24 hours.`;
  throw new CinegraphError('TOKEN_BUDGET_SPENT', message, { retryAfterMs: await untilFree(transaction, ownerId, tokensPerDay - tokens) });
}

/** Milliseconds until the jobs of the last 24 hours have no more tokens than this. A job larger than the whole budget: a day. */
async function untilFree(transaction: Queryable, ownerId: string, mostTokens: number): Promise<number> {
  const { rows } = await transaction.query<{ ms: number }>(
    `SELECT ceil(extract(epoch FROM created_at + interval '24 hours' - now()) * 1000)::int AS ms
     FROM (SELECT created_at, sum(${TOKENS}) OVER (ORDER BY created_at DESC, id DESC) AS newer FROM job WHERE owner_id = $1 AND ${RECENT}) AS sums
     WHERE newer > $2 ORDER BY created_at DESC LIMIT 1`,
    [ownerId, mostTokens],
  );
  return mostTokens < 0 ? DAY_MS : Math.max(1, rows[0]?.ms ?? 1);
}

async function readUsage(client: Queryable, ownerId: string): Promise<Usage> {
  const { rows } = await client.query<Usage>(
    `SELECT count(*) FILTER (WHERE status IN ('QUEUED', 'RUNNING'))::int AS "activeJobs", coalesce(sum(${TOKENS}) FILTER (WHERE ${RECENT}), 0)::float8 AS tokens
     FROM job WHERE owner_id = $1 AND (status IN ('QUEUED', 'RUNNING') OR ${RECENT})`,
    [ownerId],
  );
  return rows[0] ?? { activeJobs: 0, tokens: 0 };
}

export class Quotas {
  readonly #pool: Database['pool'];

  constructor(database: Pick<Database, 'pool'>) {
    this.#pool = database.pool;
  }

  usage({ ownerId }: Viewer): Promise<Usage> {
    return readUsage(this.#pool, ownerId);
  }
}
