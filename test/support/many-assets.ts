import pg from 'pg';

/** Copies the newest asset that has a thumbnail, each copy a second older and titled `copy 1`, `copy 2`, ... */
export async function copyAssets(databaseUrl: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO asset SELECT (copy).* FROM (
         SELECT jsonb_populate_record(NULL::asset, to_jsonb(a) || jsonb_build_object('id', gen_random_uuid(), 'title', 'copy ' || n, 'candidate', NULL, 'created_at', a.created_at - n * interval '1 second')) AS copy
         FROM (SELECT * FROM asset WHERE thumbnail_sha256 IS NOT NULL ORDER BY created_at DESC LIMIT 1) a, generate_series(1, $1) n) copies`,
      [count],
    );
  } finally {
    await client.end();
  }
}
