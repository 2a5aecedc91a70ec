import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { asCinegraphError } from '../db/pg-error.ts';
import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError } from '../errors.ts';
import { type EventRow, toEventRecord } from '../jobs/job-rows.ts';
import type { ActivityPosition, JobEventRecord } from './contract.ts';
import { followable, orAborted } from './followable.ts';

const BATCH = 64;
const SAFETY_READ_MS = 5_000;
/** How soon to look again for an event that a running transaction still hides. */
const UNSETTLED_MS = 20;
const DATABASE_DEADLINE_MS = 60_000;
const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const LAST_SEQ = 2_147_483_647;

/** A place in an owner's activity. xid: text, it may not fit a number. */
interface Place {
  readonly xid: string;
  readonly jobId: string;
  readonly seq: number;
}

/**
 * The state events of all jobs of an owner: those after a position, else those from now on. Endless.
 *
 * Order is that of the transactions' numbers, which are given out before the commit; a reader that went by them alone would pass an event
 * that is committed later under a lower number. It therefore stops at the oldest transaction that still runs (the snapshot's xmin): below
 * it nothing can appear any more.
 */
export function followActivity(database: Database, ownerId: string, after: ActivityPosition | null, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>> {
  return (after === null ? placeNow(database) : placeOf(database, ownerId, after)).then(place => followable(signal, both => follow(database, ownerId, place, both)));
}

async function* follow(database: Database, ownerId: string, start: Place, signal: AbortSignal): AsyncGenerator<JobEventRecord, void, undefined> {
  let place = start;
  let notice = Promise.withResolvers<void>();
  // Before the first read: what is stored after that read wakes us.
  const unsubscribe = database.bus.subscribe({
    message: message => {
      if (message.type === 'event' && message.owner === ownerId) notice.resolve();
    },
    resync: () => notice.resolve(),
  });
  try {
    while (!signal.aborted) {
      notice = Promise.withResolvers<void>();
      const rows = await read(database, ownerId, place, signal);
      const hidden = rows.findIndex(({ settled }) => !settled);
      for (const { xid, ...row } of hidden === -1 ? rows : rows.slice(0, hidden)) {
        if (signal.aborted) return;
        place = { xid, jobId: row.jobId, seq: row.seq };
        yield toEventRecord(row);
      }
      if (hidden !== -1) await pause(UNSETTLED_MS, signal);
      else if (rows.length < BATCH) await waitFor(notice.promise, signal);
    }
  } finally {
    unsubscribe();
  }
}

async function waitFor(notice: Promise<void>, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  await orAborted(Promise.race([notice, pause(SAFETY_READ_MS, timer.signal)]), signal);
  timer.abort();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}

interface ActivityRow extends EventRow {
  readonly xid: string;
  /** No transaction that still runs can put an event before this one. */
  readonly settled: boolean;
}

async function read(database: Database, ownerId: string, { xid, jobId, seq }: Place, signal: AbortSignal): Promise<ActivityRow[]> {
  try {
    const { rows } = await untilDatabase(
      () => database.pool.query<ActivityRow>(
        `SELECT a.job_id AS "jobId", a.seq, e.payload, e.at, a.xid::text AS xid, a.xid < pg_snapshot_xmin(now.snapshot)::text::bigint AS settled
         FROM (SELECT pg_current_snapshot() AS snapshot) AS now, activity_event a JOIN job_event e ON e.job_id = a.job_id AND e.seq = a.seq
         WHERE a.owner_id = $1 AND (a.xid, a.job_id, a.seq) > ($2::bigint, $3::uuid, $4::int) AND a.xid < pg_snapshot_xmax(now.snapshot)::text::bigint
         ORDER BY a.xid, a.job_id, a.seq LIMIT ${BATCH}`,
        [ownerId, xid, jobId, seq],
      ),
      { deadlineMs: DATABASE_DEADLINE_MS, signal },
    );
    return rows;
  } catch (error) {
    if (signal.aborted) return [];
    throw asCinegraphError(error);
  }
}

/** Behind all that was committed before: events of transactions that run right now still come. */
async function placeNow({ pool }: Database): Promise<Place> {
  const { rows } = await pool.query<{ xid: string }>('SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text AS xid');
  return { xid: rows[0]?.xid ?? '0', jobId: LAST_UUID, seq: LAST_SEQ };
}

/** Throws INVALID_CURSOR for an event that the owner's activity does not have, or that another cluster's transactions numbered. */
async function placeOf({ pool }: Database, ownerId: string, { jobId, seq }: ActivityPosition): Promise<Place> {
  const { rows } = await pool.query<{ xid: string }>(
    `SELECT xid::text AS xid FROM activity_event
     WHERE owner_id = $1 AND job_id = $2 AND seq = $3 AND xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint`,
    [ownerId, jobId, seq],
  );
  if (rows[0] === undefined) throw new CinegraphError('INVALID_CURSOR', 'after names no event of your activity. Subscribe without it, and query the jobs.', { field: ['after'] });
  return { xid: rows[0].xid, jobId, seq };
}
