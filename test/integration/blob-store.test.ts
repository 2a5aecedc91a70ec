import { createHash, randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../src/db/blobs/postgres-blob-store.ts';
import { PART_BYTES } from '../../src/db/blobs/s3-blob-store.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { transaction } from '../../src/db/transaction.ts';
import { silent as log } from '../support/data-stack.ts';
import { type TestDatabase, createTestDatabase } from '../support/postgres.ts';
import { type S3Server, startS3 } from '../support/s3.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const kinds = [{ name: 'Postgres', chunk: CHUNK_BYTES, objects: false }, { name: 'S3', chunk: PART_BYTES, objects: true }];

describe.each(kinds)('blob store in $name', ({ chunk, objects }) => {
  let test: TestDatabase;
  let s3: S3Server | undefined;
  let database: Database;
  beforeAll(async () => {
    test = await createTestDatabase();
    s3 = objects ? await startS3() : undefined;
    database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, objectStore: s3?.options, log });
  });
  afterAll(async () => {
    await database.close();
    await s3?.close();
    await test.close();
  });
  const read = async (sha256: string, start: number, end: number): Promise<Buffer> => Buffer.concat(await Array.fromAsync(database.blobs.read(sha256, start, end)));
  const inDatabase = async (sha256: string): Promise<number> => (await database.pool.query('SELECT FROM blob_chunk WHERE sha256 = $1', [sha256])).rowCount ?? 0;

  it('gives back every range of what it was given, across chunks', async () => {
    const bytes = randomBytes(2 * chunk + 1234);
    const { sha256, byteSize } = await database.blobs.put(bytes);
    expect({ sha256, byteSize }).toEqual({ sha256: digest(bytes), byteSize: bytes.length });
    expect(await inDatabase(sha256)).toBe(objects ? 0 : 3);
    const edge = fc.oneof(fc.integer({ min: 0, max: bytes.length - 1 }), fc.constantFrom(0, chunk - 1, chunk, 2 * chunk - 1, 2 * chunk, bytes.length - 1));
    await fc.assert(
      fc.asyncProperty(edge, edge, async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        expect((await read(sha256, start, end)).equals(bytes.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 30, examples: [[0, 0]] },
    );
  });

  it('holds one chunk at a time', async () => {
    const { sha256, byteSize } = await database.blobs.put(randomBytes(3 * chunk));
    for await (const part of database.blobs.read(sha256, 0, byteSize - 1)) expect(part.byteLength).toBe(chunk);
  });

  it('keeps equal content once, also when it is put many times at once', async () => {
    const bytes = randomBytes(1000);
    const stored = await Promise.all(Array.from({ length: 8 }, () => database.blobs.put(bytes)));
    expect(new Set(stored.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await inDatabase(digest(bytes))).toBe(objects ? 0 : 1);
    expect(await read(digest(bytes), 0, 999)).toEqual(bytes);
  });

  it('keeps nothing of a transaction that fails', async () => {
    const bytes = randomBytes(1000);
    const failed = transaction(database.pool, async client => {
      await database.blobs.put(bytes, client);
      throw new Error('later');
    });
    await expect(failed).rejects.toThrow('later');
    expect(await database.blobs.stat(digest(bytes))).toBeNull();
    expect(await database.blobs.sweep(60_000), 'young: its transaction might still run').toBe(0);
    expect(await database.blobs.sweep(-60_000)).toBe(objects ? 1 : 0);
    expect(await database.blobs.sweep(-60_000)).toBe(0);
  });

  it('keeps what is put while the same content is deleted or swept', async () => {
    for (let round = 0; round < 10; round++) {
      const bytes = randomBytes(100);
      const sha256 = digest(bytes);
      await database.blobs.put(bytes);
      const asset = randomUUID();
      const kept = transaction(database.pool, async client => {
        await database.blobs.put(bytes, client);
        await client.query(`INSERT INTO asset (id, owner_id, kind, origin, content_type, byte_size, sha256) VALUES ($1, 'ada', 'IMAGE', 'UPLOADED', 'image/png', 100, $2)`, [asset, sha256]);
      });
      await Promise.all([kept, database.blobs.delete(sha256), database.blobs.sweep(-60_000)]);
      expect(await read(sha256, 0, 99)).toEqual(bytes);
    }
  });

  it('deletes only what no asset refers to', async () => {
    const { sha256, byteSize } = await database.blobs.put(randomBytes(10));
    const asset = await database.prisma.asset.create({ data: { id: randomUUID(), ownerId: 'ada', kind: 'IMAGE', origin: 'UPLOADED', contentType: 'image/png', byteSize, sha256 } });
    expect(await database.blobs.delete(sha256)).toBe(false);
    await database.prisma.asset.delete({ where: { id: asset.id } });
    expect(await database.blobs.delete(sha256)).toBe(true);
    expect(await database.blobs.stat(sha256)).toBeNull();
    await expect(read(sha256, 0, byteSize - 1)).rejects.toThrow(sha256);
    expect(await database.blobs.delete(sha256), 'again').toBe(false);
  });

  it('takes the empty blob', async () => {
    const { sha256 } = await database.blobs.put(Buffer.alloc(0));
    expect(await database.blobs.stat(sha256)).toEqual({ sha256, byteSize: 0 });
    expect(await read(sha256, 0, -1)).toEqual(Buffer.alloc(0));
  });

  it('links to where readers can fetch the bytes by themselves, if there is such a place', async () => {
    const bytes = randomBytes(5000);
    const { sha256 } = await database.blobs.put(bytes);
    const url = await database.blobs.link(sha256, { contentType: 'video/mp4', disposition: 'inline; filename="a clip.mp4"', seconds: 60 });
    if (!objects) return expect(url).toBeNull();
    const link = url ?? '';
    const whole = await fetch(link);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(new URL(link).searchParams)).toMatchObject({ 'response-content-type': 'video/mp4', 'response-content-disposition': 'inline; filename="a clip.mp4"', 'X-Amz-Expires': '60' });
    const part = await fetch(link, { headers: { range: 'bytes=10-19' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, bytes.subarray(10, 20)]);
    expect((await fetch(link.replace(sha256, '0'.repeat(64)))).status, 'another object').toBe(403);
    expect((await fetch(link.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status, 'a longer life').toBe(403);
  });
});

describe('a bucket that came later', () => {
  it('serves what the database holds from there, and what it holds itself while it is still configured', async () => {
    const test = await createTestDatabase();
    const s3 = await startS3();
    const before = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, log });
    const old = await before.blobs.put(Buffer.from('old'));
    const after = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, objectStore: s3.options, log });
    expect(Buffer.concat(await Array.fromAsync(after.blobs.read(old.sha256, 0, 2))).toString()).toBe('old');
    expect(await after.blobs.link(old.sha256, { contentType: 'text/plain', disposition: 'inline', seconds: 60 })).toBeNull();
    await after.blobs.put(Buffer.from('old'));
    const fresh = await after.blobs.put(Buffer.from('new'));
    await expect(Array.fromAsync(before.blobs.read(fresh.sha256, 0, 2))).rejects.toThrow('S3_BUCKET');
    expect([await after.blobs.delete(old.sha256), await after.blobs.delete(fresh.sha256)]).toEqual([true, true]);
    await Promise.all([before.close(), after.close(), s3.close()]);
    await test.close();
  });

  it('that does not answer is STORAGE_UNAVAILABLE, and nothing half stored stays', async () => {
    const test = await createTestDatabase();
    const s3 = await startS3();
    const network = await startTcpProxy({ target: s3.port, upLimits: [20_000, 20_000] });
    const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, objectStore: { ...s3.options, endpoint: `http://127.0.0.1:${network.port}` }, log });
    const bytes = randomBytes(100_000);
    await expect(database.blobs.put(bytes)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(await database.blobs.stat(digest(bytes))).toBeNull();
    await database.blobs.put(bytes);
    await network.close();
    await expect(database.blobs.delete(digest(bytes))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(await database.blobs.stat(digest(bytes)), 'still named').not.toBeNull();
    await Promise.all([database.close(), s3.close()]);
    await test.close();
  });
});
