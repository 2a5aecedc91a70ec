import { createHash } from 'node:crypto';
import type pg from 'pg';
import { z } from 'zod';
import type { BlobStore } from './blobs/blob-store.ts';
import { isStorageAway } from './pg-error.ts';

const PAGE = 500;
/** Faults that are told in words; the others are counted. */
const MOST_EXAMPLES = 20;
const SETTING = 'integrity-report';
/** Younger bytes without a user may belong to a transaction that has not ended, or wait for the sweeper. */
const ORPHAN_AGE_MS = 3600_000;

/** What can be wrong, each with what it means. */
export const FAULTS = {
  blob_corrupt: 'bytes whose SHA-256 is not their name, or whose length is not that of their row',
  blob_missing: 'bytes that are not there',
  blob_orphan: 'bytes that nothing refers to',
  asset_size: 'assets whose length is not that of their bytes',
  job_events: 'jobs whose events are not 1, 2, 3 ... to the last',
  upload_size: 'open uploads whose offset is not the length of their pieces',
} as const;

export type Fault = keyof typeof FAULTS;

const counts = z.record(z.enum(Object.keys(FAULTS) as [Fault, ...Fault[]]), z.number().int());
const report = z.object({ checkedAt: z.iso.datetime(), blobs: z.number().int(), byteSize: z.number(), faults: counts, examples: z.array(z.string()) });

export type IntegrityReport = Readonly<z.infer<typeof report>>;

export interface IntegrityOptions {
  readonly pool: pg.Pool;
  readonly blobs: BlobStore;
  readonly signal?: AbortSignal;
  readonly orphanAgeMs?: number;
}

/** Reads every byte and looks at every reference, while the program runs. Changes nothing but the report that it leaves. Throws what the database and the store of the bytes throw. */
export async function checkIntegrity({ pool, blobs, signal, orphanAgeMs = ORPHAN_AGE_MS }: IntegrityOptions): Promise<IntegrityReport> {
  const faults = Object.fromEntries(Object.keys(FAULTS).map(fault => [fault, 0])) as Record<Fault, number>;
  const examples: string[] = [];
  const found = (fault: Fault, what: string): void => {
    faults[fault] += 1;
    if (examples.length < MOST_EXAMPLES) examples.push(`${fault} ${what}`);
  };
  let [checked, byteSize] = [0, 0];
  for await (const blob of everyBlob(pool)) {
    signal?.throwIfAborted();
    const fault = await lookAt(blob, blobs);
    // It may have been deleted while it was read.
    if (fault !== undefined && (await blobs.stat(blob.sha256)) !== null) found(fault, blob.sha256);
    checked += 1;
    byteSize += blob.byteSize;
  }
  for (const [fault, sql] of Object.entries(QUERIES)) {
    signal?.throwIfAborted();
    const { rows } = await pool.query<{ what: string }>(sql, sql.includes('$1') ? [orphanAgeMs] : []);
    for (const { what } of rows) found(fault as Fault, what);
  }
  for await (const sha256 of blobs.unnamed(orphanAgeMs)) found('blob_orphan', sha256);
  const result = { checkedAt: new Date().toISOString(), blobs: checked, byteSize, faults, examples };
  await pool.query('INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value', [SETTING, JSON.stringify(result)]);
  return result;
}

/** Of the last check, by whichever process; undefined before the first. */
export async function lastIntegrityReport(pool: pg.Pool): Promise<IntegrityReport | undefined> {
  const { rows } = await pool.query<{ value: string }>('SELECT value FROM setting WHERE key = $1', [SETTING]);
  return rows[0] === undefined ? undefined : report.safeParse(JSON.parse(rows[0].value)).data;
}

interface BlobRow {
  readonly sha256: string;
  readonly byteSize: number;
}

async function* everyBlob(pool: pg.Pool): AsyncGenerator<BlobRow, void, undefined> {
  let after = '';
  for (;;) {
    const { rows } = await pool.query<BlobRow>(`SELECT sha256, byte_size AS "byteSize" FROM blob WHERE sha256 > $1 ORDER BY sha256 LIMIT ${PAGE}`, [after]);
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.sha256 ?? '';
  }
}

async function lookAt({ sha256, byteSize }: BlobRow, blobs: BlobStore): Promise<Fault | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const part of blobs.read(sha256, 0, byteSize - 1)) hash.update(part);
  } catch (error) {
    if (isStorageAway(error)) throw error;
    return 'blob_missing';
  }
  return hash.digest('hex') === sha256 ? undefined : 'blob_corrupt';
}

const LIMIT = 1000;
/** Each gives up to 1,000 rows of what is wrong. */
const QUERIES: Readonly<Partial<Record<Fault, string>>> = {
  blob_orphan: `
    SELECT sha256 AS what FROM blob b WHERE created_at < now() - $1 * interval '1 millisecond'
      AND NOT EXISTS (SELECT FROM asset a WHERE a.sha256 = b.sha256) AND NOT EXISTS (SELECT FROM asset a WHERE a.thumbnail_sha256 = b.sha256)
      AND NOT EXISTS (SELECT FROM asset_variant v WHERE v.sha256 = b.sha256) LIMIT ${LIMIT}`,
  asset_size: `SELECT a.id::text AS what FROM asset a JOIN blob b ON b.sha256 = a.sha256 WHERE a.byte_size <> b.byte_size LIMIT ${LIMIT}`,
  // Retention takes events of old jobs: level 2 of Job.swept.
  job_events: `
    SELECT j.id::text AS what FROM job j WHERE j.swept < 2
      AND j.last_seq <> (SELECT CASE WHEN count(*) = coalesce(max(e.seq), 0) THEN count(*) ELSE -1 END FROM job_event e WHERE e.job_id = j.id) LIMIT ${LIMIT}`,
  upload_size: `
    SELECT u.id::text AS what FROM upload u WHERE u.asset_id IS NULL AND u.error_code IS NULL
      AND u.received <> (SELECT coalesce(sum(length(c.bytes)), 0) FROM upload_chunk c WHERE c.upload_id = u.id) LIMIT ${LIMIT}`,
};
