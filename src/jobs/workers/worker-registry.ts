import type { Queryable } from '../../db/blobs/blob-store.ts';
import type { InferenceInfo } from '../../inference/core/generation.ts';
import type { WorkerRecord } from '../../services/contract.ts';

/** A worker that was not seen for so long does not run jobs any more; the queue's leases are as long. */
const LEASE_SECONDS = 10;
/** How long a worker that vanished is still listed. */
const FORGET_SECONDS = 600;
const MOST_LISTED = 1000;

/** What a worker says of itself. */
export interface WorkerReport {
  readonly id: string;
  /** Host and process id. */
  readonly name: string;
  readonly version: string;
  readonly draining: boolean;
  /** Null while the model is starting. */
  readonly info: InferenceInfo | null;
  /** Rows of the key-value cache, and those that its jobs hold. */
  readonly slots: number;
  readonly usedSlots: number;
  readonly runningJobs: number;
}

/** Renews the worker's lease; makes its row at the first call. Forgets workers that vanished long ago. */
export async function reportWorker(client: Queryable, { id, name, version, draining, info, slots, usedSlots, runningJobs }: WorkerReport): Promise<void> {
  await client.query(
    `INSERT INTO worker (id, name, version, draining, info, bundle_digest, slots, used_slots, running_jobs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (id) DO UPDATE SET draining = excluded.draining, info = excluded.info, bundle_digest = excluded.bundle_digest, slots = excluded.slots,
       used_slots = excluded.used_slots, running_jobs = excluded.running_jobs, seen_at = now()`,
    [id, name, version, draining, info === null ? null : JSON.stringify(info), info?.bundle.digest ?? null, slots, usedSlots, runningJobs],
  );
}

export async function removeWorker(client: Queryable, id: string): Promise<void> {
  await client.query('DELETE FROM worker WHERE id = $1', [id]);
}

export async function forgetLostWorkers(client: Queryable): Promise<void> {
  await client.query(`DELETE FROM worker WHERE seen_at < now() - ${FORGET_SECONDS} * interval '1 second'`);
}

/** Those that live, the longest-running first, then those that vanished lately. Their clocks do not matter: the database's does. */
export async function listWorkers(client: Queryable): Promise<WorkerRecord[]> {
  const { rows } = await client.query<Omit<WorkerRecord, 'state'> & { readonly draining: boolean; readonly lost: boolean }>(
    `SELECT id, name, version, draining, info, slots, used_slots AS "usedSlots", running_jobs AS "runningJobs", started_at AS "startedAt", seen_at AS "seenAt",
       seen_at < now() - ${LEASE_SECONDS} * interval '1 second' AS lost
     FROM worker ORDER BY lost, started_at, id LIMIT ${MOST_LISTED}`,
  );
  return rows.map(({ draining, lost, ...worker }) => ({ ...worker, state: stateOf({ draining, info: worker.info }, lost) }));
}

function stateOf({ draining, info }: Pick<WorkerReport, 'draining' | 'info'>, lost: boolean): WorkerRecord['state'] {
  if (lost) return 'LOST';
  if (draining) return 'DRAINING';
  return info === null ? 'STARTING' : 'READY';
}
