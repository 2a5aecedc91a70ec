import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { AssetSweeper } from '../../src/jobs/asset-sweeper.ts';
import { type Media, openMedia } from '../../src/media/media.ts';
import { Assets } from '../../src/services/asset-service.ts';
import type { AssetFilter, PageInput } from '../../src/services/contract.ts';
import { ADA, BOB, silent as log } from '../support/data-stack.ts';
import { mp4 } from '../support/media-files.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const GRACE_SECONDS = 3600;
let test: TestDatabase;
let database: Database;
let media: Media;
let assets: Assets;
let sweeper: AssetSweeper;
beforeAll(async () => {
  test = await createTestDatabase();
  database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, log });
  media = await openMedia({ encoders: 1, log });
  assets = new Assets({ database, media, graceSeconds: GRACE_SECONDS, version: 'test' });
  sweeper = new AssetSweeper({ database, graceSeconds: GRACE_SECONDS, log });
});
afterAll(async () => {
  await sweeper?.stop();
  await media?.close();
  await database?.close();
  await test?.close();
});
beforeEach(async () => {
  await database.pool.query('TRUNCATE asset, job, upload, blob CASCADE');
});

interface Change {
  readonly prompt?: string;
  readonly title?: string;
  readonly text?: string;
  readonly tags?: string[];
  readonly kind?: 'IMAGE' | 'VIDEO' | 'TEXT';
  readonly model?: string;
  readonly seed?: number;
  readonly createdAt?: Date;
  readonly expiresAt?: Date;
  readonly ownerId?: string;
  readonly bytes?: Buffer;
  readonly parents?: readonly string[];
}

async function add(change: Change = {}): Promise<string> {
  const { ownerId = ADA.ownerId, prompt, kind = 'IMAGE', seed = 1, model = 'tiny', title = null, text = null, tags = [], createdAt = new Date(), expiresAt = null, parents = [] } = change;
  const { sha256, byteSize } = await database.blobs.put(change.bytes ?? Buffer.from(randomUUID()));
  const [id, jobId] = [randomUUID(), prompt === undefined ? null : randomUUID()];
  if (jobId !== null) {
    await database.pool.query(
      `INSERT INTO job (id, owner_id, task, input, input_digest, seed, candidates, sampling, model_name, model_digest) VALUES ($1, $2, 'TEXT_TO_IMAGE', $3, '', $4, 1, '{}', $5, '')`,
      [jobId, ownerId, JSON.stringify({ prompt }), seed, model],
    );
  }
  await database.prisma.asset.create({ data: { id, ownerId, kind, origin: jobId === null ? 'UPLOADED' : 'GENERATED', contentType: 'image/png', byteSize, sha256, title, text, tags, jobId, createdAt, expiresAt } });
  for (const parentId of parents) await database.prisma.assetParent.create({ data: { childId: id, parentId } });
  return id;
}

const find = async (filter: AssetFilter, page: PageInput = { first: 100 }, order: 'NEWEST' | 'OLDEST' = 'NEWEST') => (await assets.list(ADA, page, filter, order)).edges.map(({ node }) => node.id);
const sorted = (...ids: string[]): string[] => ids.toSorted();

describe('a search', () => {
  it('finds words of prompts, titles and texts, English ones in any form, others as they are', async () => {
    const prompt = await add({ prompt: 'two foxes running' });
    const title = await add({ title: 'The Fox' });
    const caption = await add({ text: 'ein Fuchs läuft', kind: 'TEXT' });
    await add({ title: 'a boat' });
    expect((await find({ search: 'fox' })).toSorted()).toEqual(sorted(prompt, title));
    expect(await find({ search: 'run FOX' })).toEqual([prompt]);
    expect(await find({ search: 'LÄUFT fuchs' })).toEqual([caption]);
    expect(await find({ search: '"two foxes"' })).toEqual([prompt]);
    expect((await find({ search: 'fuchs or boat' })).length).toBe(2);
    expect(await find({ search: 'fox -running' })).toEqual([title]);
    expect(await find({ search: 'wolf' })).toEqual([]);
    expect(await find({ search: '!!! :* & |' })).toEqual([]);
    expect((await find({ search: '  ' })).length, 'nothing to search for').toBe(4);
    expect(await assets.count(ADA, { search: 'fox' })).toBe(2);
  });

  it('follows a new title', async () => {
    const id = await add({ prompt: 'a fox', title: 'old' });
    await assets.update(ADA, { id, title: 'brandnew' });
    expect([await find({ search: 'brandnew fox' }), await find({ search: 'old' })]).toEqual([[id], []]);
  });

  it.each<[string, AssetFilter, string]>([
    ['a null character', { search: 'a\0b' }, 'search'],
    ['a long search', { search: 'x'.repeat(501) }, 'search'],
    ['a null character in a tag', { tags: ['\0'] }, 'tags'],
    ['many tags', { tags: Array.from({ length: 21 }, String) }, 'tags'],
    ['a year of five digits', { createdAfter: new Date('+012345-01-01T00:00:00Z') }, 'createdAfter'],
  ])('refuses %s', async (_what, filter, field) => {
    await expect(assets.list(ADA, { first: 1 }, filter, 'NEWEST')).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['filter', field] });
  });
});

describe('filters', () => {
  it('hold together', async () => {
    const one = await add({ prompt: 'a', seed: 7, model: 'big', tags: ['red', 'night'], createdAt: new Date('2021-06-01T00:00:00Z') });
    const two = await add({ prompt: 'b', seed: 8, kind: 'VIDEO', tags: ['red'], createdAt: new Date('2022-06-01T00:00:00Z') });
    const three = await add({ tags: ['red'], createdAt: new Date('2023-06-01T00:00:00Z') });
    await add({ ownerId: BOB.ownerId, tags: ['red'] });
    expect(await find({ tags: ['red'] })).toEqual([three, two, one]);
    expect(await find({ tags: ['red', 'night'] })).toEqual([one]);
    expect([await find({ kind: ['VIDEO', 'TEXT'] }), await find({ seed: 7 }), await find({ model: 'big' }), await find({ origin: 'UPLOADED' })]).toEqual([[two], [one], [one], [three]]);
    expect(await find({ task: 'TEXT_TO_IMAGE', tags: ['red'] }, { first: 5 }, 'OLDEST')).toEqual([one, two]);
    expect(await find({ createdAfter: new Date('2022-06-01T00:00:00Z'), createdBefore: new Date('2023-06-01T00:00:00Z') }), 'from, inclusive, to, exclusive').toEqual([two]);
  });

  it('follow lineage down, around rings too', async () => {
    const root = await add();
    const child = await add({ parents: [root] });
    const grandchild = await add({ parents: [child] });
    await database.prisma.assetParent.create({ data: { childId: root, parentId: grandchild } });
    const foreign = await add({ ownerId: BOB.ownerId, parents: [child] });
    expect((await find({ descendantOf: child })).toSorted()).toEqual(sorted(child, grandchild, root));
    expect(await find({ descendantOf: foreign })).toEqual([]);
  });

  it('page both ways without a gap or a repeat', async () => {
    const createdAt = new Date('2020-01-01T00:00:00.123Z');
    const ids = (await Promise.all(Array.from({ length: 7 }, () => add({ createdAt })))).toSorted().reverse();
    const forward = await assets.list(ADA, { first: 3 }, {}, 'NEWEST');
    expect([forward.edges.map(({ node }) => node.id), forward.hasNextPage, forward.hasPreviousPage]).toEqual([ids.slice(0, 3), true, false]);
    const last = await assets.list(ADA, { last: 3 }, {}, 'NEWEST');
    expect([last.edges.map(({ node }) => node.id), last.hasPreviousPage]).toEqual([ids.slice(4), true]);
    const before = await assets.list(ADA, { last: 3, before: last.edges[0]?.cursor ?? '' }, {}, 'NEWEST');
    expect(before.edges.map(({ node }) => node.id)).toEqual(ids.slice(1, 4));
  });
});

describe('relatives', () => {
  it('of many assets come in one statement, each with its own page', async () => {
    const roots = await Promise.all([1, 2, 3].map(() => add()));
    const [first = '', second = '', third = ''] = roots;
    const children: string[] = [];
    for (let count = 0; count < 3; count++) children.push(await add({ parents: [first, second], createdAt: new Date(Date.UTC(2020, 0, count + 1)) }));
    const pages = await assets.relatives(ADA, 'children', roots, { first: 2 });
    expect(pages.map(({ edges }) => edges.map(({ node }) => node.id))).toEqual([[children[2], children[1]], [children[2], children[1]], []]);
    const [rest] = await assets.relatives(ADA, 'children', [first], { first: 2, after: pages[0]?.edges[1]?.cursor ?? '' });
    expect([rest?.edges.map(({ node }) => node.id), rest?.hasNextPage]).toEqual([[children[0]], false]);
    const [parents] = await assets.relatives(ADA, 'parents', [children[0] ?? ''], { first: 5 });
    expect(parents?.edges.map(({ node }) => node.id).toSorted()).toEqual(sorted(first, second));
    expect((await assets.relatives(BOB, 'children', [first, third, 'no uuid'], { first: 2 })).map(({ edges }) => edges)).toEqual([[], [], []]);
  });
});

describe('update', () => {
  it('changes what is given and leaves the rest', async () => {
    const id = await add({ title: 'old', tags: ['a'] });
    expect(await assets.update(ADA, { id, tags: ['b', 'b', 'c'] })).toMatchObject({ title: 'old', tags: ['b', 'c'] });
    expect(await assets.update(ADA, { id, title: null, timeToLiveSeconds: 60 })).toMatchObject({ title: null, tags: ['b', 'c'], expiresAt: expect.any(Date) });
    expect(await assets.update(ADA, { id, timeToLiveSeconds: null })).toMatchObject({ expiresAt: null });
    await expect(assets.update(ADA, { id, title: '' })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'title'] });
    await expect(assets.update(ADA, { id: randomUUID() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a deleted asset', () => {
  it('vanishes everywhere, can be listed as deleted and restored', async () => {
    const root = await add();
    const id = await add({ parents: [root], bytes: Buffer.from('deleted bytes') });
    const { sha256 } = (await assets.byIds(ADA, [id]))[0] ?? { sha256: '' };
    expect((await assets.delete(ADA, id)).restorableUntil.getTime()).toBeGreaterThan(Date.now());
    expect([await assets.byIds(ADA, [id]), await find({}), await assets.count(ADA, {}), await assets.open(id, sha256)]).toEqual([[null], [root], 1, null]);
    expect((await assets.relatives(ADA, 'children', [root], { first: 1 }))[0]?.edges).toEqual([]);
    expect(await find({ deleted: true })).toEqual([id]);
    expect((await assets.byIds(ADA, [id], { deleted: true }))[0]?.deletedAt, 'its event can still be told').toBeInstanceOf(Date);
    await expect(assets.delete(ADA, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await assets.restore(ADA, id)).toMatchObject({ id, deletedAt: null });
    expect([(await find({})).length, (await assets.open(id, sha256))?.byteSize]).toEqual([2, 13]);
    await expect(assets.restore(ADA, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is removed after the grace, its bytes when nobody else has the same', async () => {
    const shared = Buffer.from('shared bytes');
    const [one, two] = [await add({ bytes: shared }), await add({ bytes: shared })];
    const alone = await add();
    const variant = await database.blobs.put(Buffer.from('a variant'));
    await database.prisma.assetVariant.create({ data: { assetId: alone, format: 'gif', contentType: 'image/gif', sha256: variant.sha256 } });
    await Promise.all([one, alone].map(id => assets.delete(ADA, id)));
    expect((await sweeper.sweep()).assets, 'not yet').toBe(0);
    await database.pool.query(`UPDATE asset SET deleted_at = now() - interval '2 hours' WHERE deleted_at IS NOT NULL`);
    await expect(assets.restore(ADA, one), 'too late').rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await sweeper.sweep()).toMatchObject({ assets: 2, blobs: 2 });
    expect(await database.prisma.asset.findMany({ select: { id: true } })).toEqual([{ id: two }]);
    expect(await database.blobs.stat((await assets.byIds(ADA, [two]))[0]?.sha256 ?? '')).toMatchObject({ byteSize: shared.length });
    expect(await database.prisma.blob.count()).toBe(1);
  });
});

describe('the sweeper', () => {
  it('ends what has outlived its time to live, which vanished at once', async () => {
    const id = await add({ expiresAt: new Date(Date.now() - 1000) });
    expect(await find({})).toEqual([]);
    expect(await sweeper.sweep()).toMatchObject({ expired: 1, assets: 0 });
    expect(await find({ deleted: true })).toEqual([id]);
    expect(await assets.restore(ADA, id), 'and does not expire again').toMatchObject({ expiresAt: null });
    expect(await find({})).toEqual([id]);
  });

  it('removes uploads past their time with their bytes, and bytes that nobody knows', async () => {
    const upload = (expiresAt: Date) => database.prisma.upload.create({ data: { id: randomUUID(), ownerId: 'ada', kind: 'IMAGE', filename: 'a', contentType: 'image/png', byteSize: 9, expiresAt, chunks: { create: { index: 0, bytes: Buffer.alloc(3) } } } });
    await upload(new Date(Date.now() - 1000));
    const open = await upload(new Date(Date.now() + 60_000));
    const orphan = await database.blobs.put(Buffer.from('an orphan'));
    await database.pool.query(`UPDATE blob SET created_at = now() - interval '2 hours'`);
    const fresh = await database.blobs.put(Buffer.from('a fresh one'));
    const first = new AssetSweeper({ database, graceSeconds: GRACE_SECONDS, log });
    expect(await first.sweep()).toEqual({ uploads: 1, expired: 0, assets: 0, blobs: 1 });
    await first.stop();
    expect(await database.prisma.uploadChunk.findMany({ select: { uploadId: true } })).toEqual([{ uploadId: open.id }]);
    expect([await database.blobs.stat(orphan.sha256), await database.blobs.stat(fresh.sha256)]).toMatchObject([null, { byteSize: 11 }]);
  });

  it('takes many in batches, and leaves them to another who is at it', async () => {
    const { sha256 } = await database.blobs.put(Buffer.from('one for all'));
    await database.pool.query(
      `INSERT INTO asset (id, owner_id, kind, origin, content_type, byte_size, sha256, deleted_at) SELECT gen_random_uuid(), 'ada', 'IMAGE', 'UPLOADED', 'image/png', 11, $1, now() - interval '1 day' FROM generate_series(1, 250)`,
      [sha256],
    );
    const other = await database.pool.connect();
    await other.query('SELECT pg_advisory_lock($1)', [0x73776565]);
    expect((await sweeper.sweep()).assets).toBe(0);
    await other.query('SELECT pg_advisory_unlock($1)', [0x73776565]);
    other.release();
    expect(await sweeper.sweep()).toMatchObject({ assets: 250, blobs: 1 });
  });
});

describe('another form of a clip', () => {
  const addClip = async (): Promise<string> => {
    const id = await add({ kind: 'VIDEO', bytes: await mp4(5) });
    await database.prisma.asset.update({ where: { id }, data: { contentType: 'video/mp4', width: 64, height: 48, frameCount: 5, fps: 8, durationMs: 625 } });
    return id;
  };

  it('is made once, one at a time for each asset, and kept', async () => {
    let [running, most, made] = [0, 0, 0];
    const counting = new Assets({
      database, graceSeconds: GRACE_SECONDS, version: 'test',
      media: {
        credentials: media.credentials,
        async convert(...input) {
          most = Math.max(most, ++running);
          made++;
          return media.convert(...input).finally(() => running--);
        },
      },
    });
    const id = await addClip();
    const formats = ['gif', 'webp', 'gif', 'sprites', 'webp'] as const;
    const opened = await Promise.all(formats.map(format => counting.openVariant(id, format)));
    expect(opened.map(each => each?.contentType)).toEqual(['image/gif', 'image/webp', 'image/gif', 'image/webp', 'image/webp']);
    expect([most, made]).toEqual([1, 3]);
    expect((await counting.openVariant(id, 'gif'))?.sha256).toBe(opened[0]?.sha256);
    expect(made, 'it is kept').toBe(3);
    await counting.delete(ADA, id);
    expect(await counting.openVariant(id, 'gif')).toBeNull();
  });

  it('is only there for clips, and a file that cannot be read says so', async () => {
    await expect(assets.openVariant(await add(), 'gif')).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
    await expect(assets.openVariant(await add({ kind: 'VIDEO', bytes: Buffer.from('no clip') }), 'gif')).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
    expect(await database.prisma.assetVariant.count()).toBe(0);
    expect(await assets.openVariant(randomUUID(), 'gif')).toBeNull();
  });
});
