import type { Database } from '../db/database.ts';
import { checkIntegrity, lastIntegrityReport } from '../db/integrity.ts';
import type { Log } from '../db/log.ts';
import { Rounds } from './rounds.ts';

/** How often it is looked whether a check is due. */
const INTERVAL_MS = 600_000;
/** Of all processes on a database one checks at a time. The number says nothing. */
const LOCK_KEY = 7_236_002;

/** Checks that every byte and every reference is right, as often as that; /metrics tells the outcome. Owner: the composition root, which stops it before it closes the database. */
export function startIntegrityWatch({ database, everyMs, log }: { readonly database: Database; readonly everyMs: number; readonly log: Log }): Rounds {
  return new Rounds({ everyMs: INTERVAL_MS, doing: 'checking the integrity', log }, stopping => checkIfDue(database, everyMs, log, stopping));
}

async function checkIfDue(database: Database, everyMs: number, log: Log, signal: AbortSignal): Promise<void> {
  const client = await database.pool.connect();
  let clean = false;
  try {
    const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1) AS mine', [LOCK_KEY]);
    if (rows[0]?.mine === true) {
      const last = await lastIntegrityReport(database.pool);
      if (last === undefined || Date.now() - Date.parse(last.checkedAt) >= everyMs) {
        const { faults, examples, blobs } = await checkIntegrity({ ...database, signal });
        const count = Object.values(faults).reduce((sum, each) => sum + each, 0);
        log[count === 0 ? 'info' : 'error']({ blobs, ...(count === 0 ? {} : { faults, examples }) }, 'integrity checked');
      }
      await client.query('SELECT pg_advisory_unlock($1)', [LOCK_KEY]);
    }
    clean = true;
  } finally {
    // A session that ends gives the lock back.
    client.release(!clean);
  }
}
