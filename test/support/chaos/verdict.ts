/** What must be true of the database when every job has ended, in SQL: nothing here goes through the program. */
import pg from 'pg';

/** Each row that a query gives is a fault. */
const LAWS: Readonly<Record<string, string>> = {
  'a job has not ended': `SELECT id, status FROM job WHERE status IN ('QUEUED', 'RUNNING')`,
  'events are not exactly 1..lastSeq': `SELECT j.id, j.last_seq, count(e.seq) FROM job j LEFT JOIN job_event e ON e.job_id = j.id GROUP BY j.id
     HAVING count(e.seq) <> j.last_seq OR min(e.seq) <> 1 OR max(e.seq) <> j.last_seq`,
  'JobFinished is not the last event, once': `SELECT j.id FROM job j LEFT JOIN job_event e ON e.job_id = j.id AND e.type = 'JobFinished' GROUP BY j.id HAVING count(e.seq) <> 1 OR max(e.seq) <> j.last_seq`,
  'a succeeded job has not exactly one asset for each candidate': `SELECT j.id, j.candidates, count(a.id) FROM job j LEFT JOIN asset a ON a.job_id = j.id AND a.candidate IS NOT NULL AND NOT a.partial
     WHERE j.status = 'SUCCEEDED' GROUP BY j.id HAVING count(a.id) <> j.candidates OR count(DISTINCT a.candidate) <> j.candidates`,
  'a failed job has assets': `SELECT j.id FROM job j JOIN asset a ON a.job_id = j.id AND a.shot IS NULL WHERE j.status = 'FAILED'`,
  'AssetReady does not tell of the assets': `SELECT j.id FROM job j WHERE (SELECT count(*) FROM job_event e WHERE e.job_id = j.id AND e.type = 'AssetReady') <> (SELECT count(*) FROM asset a WHERE a.job_id = j.id AND a.candidate IS NOT NULL)`,
  'a failed job does not say why': `SELECT id FROM job WHERE status = 'FAILED' AND (error_code IS NULL OR error_message IS NULL)`,
  'bytes that belong to nothing': `SELECT sha256 FROM blob b WHERE NOT EXISTS (SELECT FROM asset WHERE sha256 = b.sha256 OR thumbnail_sha256 = b.sha256) AND NOT EXISTS (SELECT FROM asset_variant v WHERE v.sha256 = b.sha256)`,
  'chunks are not the bytes of their blob': `SELECT b.sha256 FROM blob b LEFT JOIN blob_chunk c ON c.sha256 = b.sha256 WHERE NOT b.in_object_store GROUP BY b.sha256
     HAVING coalesce(sum(length(c.bytes)), 0) <> b.byte_size OR encode(sha256(string_agg(c.bytes, '' ORDER BY c.index)), 'hex') <> b.sha256`,
  'a checkpoint outlived its job': `SELECT c.job_id FROM job_checkpoint c JOIN job j ON j.id = c.job_id WHERE j.status NOT IN ('QUEUED', 'RUNNING')`,
};

/** What is not as it must be, a line for each. */
export async function faultsOf(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const faults: string[] = [];
    for (const [law, query] of Object.entries(LAWS)) {
      for (const row of (await client.query<Record<string, unknown>>(query)).rows) faults.push(`${law}: ${JSON.stringify(row)}`);
    }
    return faults;
  } finally {
    await client.end();
  }
}
