import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ObjectStore } from '../../src/db/blobs/object-store.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { checkIntegrity, type Fault, FAULTS, lastIntegrityReport } from '../../src/db/integrity.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { silent as log } from '../support/data-stack.ts';
import { type TestDatabase, createTestDatabase } from '../support/postgres.ts';
import { type S3Server, startS3 } from '../support/s3.ts';

const NO_FAULTS = Object.fromEntries(Object.keys(FAULTS).map(fault => [fault, 0]));

describe.each([{ where: 'Postgres', objects: false }, { where: 'S3', objects: true }])('the integrity check over bytes in $where', ({ objects }) => {
  let test: TestDatabase;
  let s3: S3Server | undefined;
  let database: Database;
  beforeEach(async () => {
    test = await createTestDatabase();
    s3 = objects ? await startS3() : undefined;
    database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, objectStore: s3?.options, log });
    for (let count = 0; count < 3; count++) await asset(randomBytes(3_000_000));
  });
  afterEach(async () => {
    await database.close();
    await s3?.close();
    await test.close();
  });

  async function asset(bytes: Buffer): Promise<string> {
    const { sha256, byteSize } = await database.blobs.put(bytes);
    await database.prisma.asset.create({ data: { id: randomUUID(), ownerId: 'ada', kind: 'IMAGE', origin: 'UPLOADED', contentType: 'image/png', byteSize, sha256 } });
    return sha256;
  }
  const withStore = async (work: (store: ObjectStore) => Promise<void>): Promise<void> => {
    if (s3 === undefined) return;
    const store = new ObjectStore(s3.options);
    await work(store);
    store.close();
  };
  const run = (sql: string, values: unknown[] = []) => database.pool.query(sql, values);
  const check = () => checkIntegrity({ ...database, orphanAgeMs: -60_000 });

  it('finds nothing where nothing is wrong, and /metrics tells when', async () => {
    const metrics = new Metrics({ database, cache: () => undefined });
    expect((await metrics.text()).text).toContain('cinegraph_integrity_checked_timestamp_seconds 0\n');
    const report = await check();
    expect(report).toMatchObject({ blobs: 3, byteSize: 9_000_000, faults: NO_FAULTS, examples: [] });
    expect(await lastIntegrityReport(database.pool)).toEqual(report);
    const { text } = await metrics.text();
    expect(text).toContain(`cinegraph_integrity_checked_timestamp_seconds ${Date.parse(report.checkedAt) / 1000}\n`);
    for (const kind of Object.keys(FAULTS)) expect(text).toContain(`cinegraph_integrity_faults{kind="${kind}"} 0\n`);
  });

  const plants: Readonly<Record<Fault, (sha256: string) => Promise<unknown>>> = {
    async blob_corrupt(sha256) {
      if (!objects) return run('UPDATE blob_chunk SET bytes = set_byte(bytes, 7, (get_byte(bytes, 7) + 1) % 256) WHERE sha256 = $1 AND index = 1', [sha256]);
      const wrong = randomBytes(2_000_000);
      return withStore(store => store.putParts(`blobs/${sha256}`, (async function* () { yield wrong; })()));
    },
    async blob_missing(sha256) {
      if (!objects) return run('DELETE FROM blob_chunk WHERE sha256 = $1 AND index = 1', [sha256]);
      return withStore(store => store.delete(`blobs/${sha256}`));
    },
    blob_orphan: () => database.blobs.put(randomBytes(10)),
    asset_size: sha256 => run('UPDATE asset SET byte_size = 1 WHERE sha256 = $1', [sha256]),
    async job_events() {
      const job = randomUUID();
      await run(`INSERT INTO job (id, owner_id, task, status, input, input_digest, seed, candidates, sampling, model_name, model_digest, last_seq)
        VALUES ($1, 'ada', 'TEXT_TO_IMAGE', 'RUNNING', '{}', 'x', 1, 1, '{}', 'tiny', 'x', 3)`, [job]);
      return run(`INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, 1, 'JobStarted', '{}'), ($1, 3, 'JobFinished', '{}')`, [job]);
    },
    upload_size: () => run(`INSERT INTO upload (id, owner_id, kind, filename, content_type, byte_size, received, expires_at) VALUES ($1, 'ada', 'IMAGE', 'a', 'image/png', 10, 5, now() + interval '1 day')`, [randomUUID()]),
  };

  it.each(Object.keys(FAULTS) as Fault[])('finds %s', async fault => {
    const victim = await asset(randomBytes(2_000_000));
    await plants[fault](victim);
    const { faults, examples } = await check();
    expect(faults).toEqual({ ...NO_FAULTS, [fault]: 1 });
    expect(examples).toEqual([expect.stringMatching(new RegExp(`^${fault} `))]);
  });

  it('tells of bytes in the bucket that no row names', async () => {
    if (!objects) return;
    await withStore(store => store.put(`blobs/${'a'.repeat(64)}`, Buffer.from('x'), 'a'.repeat(64)));
    expect(await check()).toMatchObject({ faults: { ...NO_FAULTS, blob_orphan: 1 }, examples: [`blob_orphan ${'a'.repeat(64)}`] });
  });
});
