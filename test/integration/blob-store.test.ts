import { createHash, randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../src/db/blob-store.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { transaction } from '../../src/db/transaction.ts';
import { silent as log } from '../support/data-stack.ts';
import { type TestDatabase, createTestDatabase } from '../support/postgres.ts';

describe('blob store', () => {
  let test: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    test = await createTestDatabase();
    database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, log });
  });
  afterAll(async () => {
    await database.close();
    await test.close();
  });
  const read = async (sha256: string, start: number, end: number): Promise<Buffer> => Buffer.concat(await Array.fromAsync(database.blobs.read(sha256, start, end)));

  it('gives back every range of what it was given, across chunks', async () => {
    const bytes = randomBytes(2 * CHUNK_BYTES + 1234);
    const { sha256, byteSize } = await database.blobs.put(bytes);
    expect({ sha256, byteSize }).toEqual({ sha256: createHash('sha256').update(bytes).digest('hex'), byteSize: bytes.length });
    const edge = fc.oneof(fc.integer({ min: 0, max: bytes.length - 1 }), fc.constantFrom(0, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES - 1, 2 * CHUNK_BYTES, bytes.length - 1));
    await fc.assert(
      fc.asyncProperty(edge, edge, async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        expect((await read(sha256, start, end)).equals(bytes.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('holds one chunk at a time', async () => {
    const { sha256, byteSize } = await database.blobs.put(randomBytes(3 * CHUNK_BYTES));
    for await (const part of database.blobs.read(sha256, 0, byteSize - 1)) expect(part.byteLength).toBe(CHUNK_BYTES);
  });

  it('keeps equal content once, also when it is put many times at once', async () => {
    const bytes = randomBytes(1000);
    const [first] = await Promise.all(Array.from({ length: 8 }, () => database.blobs.put(bytes)));
    const { rows } = await database.pool.query('SELECT count(*)::int AS chunks FROM blob_chunk WHERE sha256 = $1', [first?.sha256]);
    expect(rows).toEqual([{ chunks: 1 }]);
  });

  it('keeps nothing of a transaction that fails', async () => {
    const bytes = randomBytes(1000);
    const failed = transaction(database.pool, async client => {
      await database.blobs.put(bytes, client);
      throw new Error('later');
    });
    await expect(failed).rejects.toThrow('later');
    expect(await database.blobs.stat(createHash('sha256').update(bytes).digest('hex'))).toBeNull();
  });

  it('deletes only what no asset refers to', async () => {
    const { sha256, byteSize } = await database.blobs.put(randomBytes(10));
    const asset = await database.prisma.asset.create({ data: { id: randomUUID(), ownerId: 'ada', kind: 'IMAGE', origin: 'UPLOADED', contentType: 'image/png', byteSize, sha256 } });
    expect(await database.blobs.delete(sha256)).toBe(false);
    await database.prisma.asset.delete({ where: { id: asset.id } });
    expect(await database.blobs.delete(sha256)).toBe(true);
    expect(await database.blobs.stat(sha256)).toBeNull();
  });

  it('takes the empty blob', async () => {
    const { sha256 } = await database.blobs.put(Buffer.alloc(0));
    expect(await database.blobs.stat(sha256)).toEqual({ sha256, byteSize: 0 });
  });
});
