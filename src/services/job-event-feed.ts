import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { asCinegraphError } from '../db/pg-error.ts';
import { untilDatabase } from '../db/until-database.ts';
import { type EventRow, toEventRecord } from '../jobs/job-rows.ts';
import type { JobEventRecord } from './contract.ts';

/** Events read at once: all that a subscriber holds in memory. */
const BATCH = 64;
/** Reads without a notice this often, in ms: a pointer may get lost when its sender loses Postgres. */
const SAFETY_READ_MS = 5_000;
const DATABASE_DEADLINE_MS = 60_000;

/**
 * The events of one job after `afterSeq`: what is stored, then what comes, until JobFinished.
 *
 * There is one path, the database, read from the last seq that was given out; the frame bus only says when to read. So nothing can fall
 * between replay and live, nothing can come twice, and a reader that takes its time costs one batch of memory. Once it has caught up, a
 * reader that falls behind by a whole batch is spared previews and token counts which a later event of that batch replaces.
 */
export function followJob(database: Database, jobId: string, afterSeq: number, signal: AbortSignal): AsyncIterableIterator<JobEventRecord> {
  const controller = new AbortController();
  const events = follow(database, jobId, afterSeq, AbortSignal.any([signal, controller.signal]));
  return {
    next: () => events.next(),
    // A generator that waits would only hear of return() after its next event: end the wait first.
    return: async () => {
      controller.abort();
      await events.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* follow(database: Database, jobId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<JobEventRecord, void, undefined> {
  let seq = afterSeq;
  let caughtUp = false;
  let notice = Promise.withResolvers<void>();
  // Before the first read: what is stored after that read wakes us.
  const unsubscribe = database.bus.subscribe({
    message: message => {
      if (message.type === 'event' && message.job === jobId && message.seq > seq) notice.resolve();
    },
    resync: () => notice.resolve(),
  });
  const aborted = (): void => notice.resolve();
  signal.addEventListener('abort', aborted, { once: true });
  try {
    while (!signal.aborted) {
      notice = Promise.withResolvers<void>();
      const batch = await read(database, jobId, seq, signal);
      for (const event of caughtUp && batch.length === BATCH ? coalesce(batch) : batch) {
        if (signal.aborted) return;
        seq = event.seq;
        yield event;
        if (event.type === 'JobFinished') return;
      }
      if (batch.length === BATCH) continue;
      caughtUp = true;
      if (!signal.aborted) await waitFor(notice.promise);
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', aborted);
  }
}

async function waitFor(notice: Promise<void>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([notice, sleep(SAFETY_READ_MS, undefined, { signal: timer.signal, ref: false }).catch(() => {})]);
  timer.abort();
}

async function read(database: Database, jobId: string, afterSeq: number, signal: AbortSignal): Promise<JobEventRecord[]> {
  try {
    const { rows } = await untilDatabase(
      () => database.pool.query<EventRow>('SELECT job_id AS "jobId", seq, payload, at FROM job_event WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3', [jobId, afterSeq, BATCH]),
      { deadlineMs: DATABASE_DEADLINE_MS, signal },
    );
    return rows.map(toEventRecord);
  } catch (error) {
    if (signal.aborted) return [];
    throw asCinegraphError(error);
  }
}

/** Leaves out token counts, and previews of unfinished frames, that a later event of the batch replaces. Never a state event or a final frame. */
export function coalesce(batch: readonly JobEventRecord[]): JobEventRecord[] {
  const newest = new Set<string>();
  return batch.toReversed().filter(event => {
    if (event.type !== 'TokensGenerated' && event.type !== 'FramesDecoded') return true;
    const key = event.type === 'TokensGenerated' ? 'tokens' : `frames ${event.candidate} ${event.firstFrame}`;
    const replaced = newest.has(key);
    newest.add(key);
    return !replaced || (event.type === 'FramesDecoded' && event.final);
  }).reverse();
}
