import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { AssetSweeper } from '../../src/jobs/asset-sweeper.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { ADA, collectEvents, type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { png } from '../support/media-files.ts';
import { type S3Server, startS3 } from '../support/s3.ts';
import { startStackServer } from '../support/stack-server.ts';

/** The real server over a bucket that clients reach: the bytes go past it, both ways. */
describe('a bucket that clients reach', () => {
  let s3: S3Server;
  let stack: DataStack;
  let inference: InferenceClient;
  let server: RunningServer;
  let picture: Buffer;
  beforeAll(async () => {
    s3 = await startS3();
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    stack = await openDataStack({ inference, objectStore: s3.options });
    server = await startStackServer(stack, { objectStore: s3.options });
    picture = await png();
  });
  afterAll(async () => {
    await server?.close(1000);
    await stack?.[Symbol.asyncDispose]();
    await inference?.close();
    await s3?.close();
  });

  const create = async (byteSize: number, sha256?: string) => {
    const { data } = await graphql(server.url, 'mutation($input: CreateUploadInput!) { createUpload(input: $input) { uploadId uploadUrl upload { directUrl } userErrors { code } } }',
      { input: { filename: 'a.png', contentType: 'image/png', byteSize, sha256 } });
    return data.createUpload as { uploadId: string; uploadUrl: string; upload: { directUrl: string } };
  };
  const finalize = async (uploadId: string) => (await graphql(server.url,
    'mutation($uploadId: ID!) { finalizeUpload(input: { uploadId: $uploadId }) { asset { id sha256 url ... on ImageAsset { thumbnailUrl } } userErrors { code } } }', { uploadId })).data.finalizeUpload;
  const put = (url: string, body: Buffer) => fetch(url, { method: 'PUT', body: new Uint8Array(body) });
  const objects = async (prefix: string): Promise<number> => {
    const { ObjectStore } = await import('../../src/db/blobs/object-store.ts');
    const store = new ObjectStore(s3.options);
    const pages = await Array.fromAsync(store.list(prefix));
    store.close();
    return pages.flat().length;
  };

  it('takes a whole file straight into the bucket, and gives it from there, in parts too', async () => {
    const sha256 = createHash('sha256').update(picture).digest('hex');
    const upload = await create(picture.length, sha256);
    expect(new URL(upload.upload.directUrl).port).toBe(String(s3.port));
    expect((await finalize(upload.uploadId)).userErrors).toEqual([{ code: 'UPLOAD_INCOMPLETE' }]);
    expect((await put(upload.upload.directUrl, picture)).status).toBe(200);
    const { asset, userErrors } = await finalize(upload.uploadId);
    expect(userErrors).toEqual([]);
    expect(asset.sha256).toBe(sha256);
    const { rows } = await stack.database.pool.query('SELECT FROM upload_chunk');
    expect(rows, 'nothing went through the database').toHaveLength(0);

    const led = await fetch(asset.url, { redirect: 'manual' });
    expect([led.status, new URL(led.headers.get('location') ?? '').port]).toEqual([307, String(s3.port)]);
    expect(led.headers.get('cache-control')).toMatch(/^private, max-age=\d+, immutable$/);
    expect(Buffer.from(await (await fetch(asset.url)).arrayBuffer())).toEqual(picture);
    const part = await fetch(asset.url, { headers: { range: 'bytes=5-9' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, picture.subarray(5, 10)]);
    expect((await fetch(asset.thumbnailUrl)).status).toBe(200);
    const head = await fetch(asset.url, { method: 'HEAD', redirect: 'manual' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(picture.length)]);
    expect((await fetch(asset.url, { headers: { 'if-none-match': `"${sha256}"` }, redirect: 'manual' })).status).toBe(304);
    expect((await fetch(asset.url.replace(/signature=.../, 'signature=AAA'), { redirect: 'manual' })).status, 'without our signature there is none of theirs').toBe(403);
  }, 180_000);

  it('keeps what it checked, whatever the URL is used for afterwards, and sweeps that away', async () => {
    const upload = await create(picture.length);
    await put(upload.upload.directUrl, picture);
    const { asset } = await finalize(upload.uploadId);
    await put(upload.upload.directUrl, Buffer.alloc(picture.length));
    expect(Buffer.from(await (await fetch(asset.url)).arrayBuffer())).toEqual(picture);
    const sweeper = new AssetSweeper({ database: stack.database, graceSeconds: 0, log: silent });
    await sweeper.sweep();
    await sweeper.stop();
    expect(await objects('uploads/') + (await objects('sealed/'))).toBe(0);
  });

  it('still takes pieces, and leaves its own place for whole files then', async () => {
    const upload = await create(picture.length);
    const { headers } = await fetch(upload.uploadUrl, { method: 'PUT', body: new Uint8Array(picture.subarray(0, 10)), headers: { 'content-range': `bytes 0-9/${picture.length}` } });
    expect(headers.get('upload-offset')).toBe('10');
    const { data } = await graphql(server.url, 'query($id: ID!) { node(id: $id) { ... on Upload { offset directUrl } } }', { id: upload.uploadId });
    expect(data.node).toEqual({ offset: 10, directUrl: null });
    await put(upload.uploadUrl, picture);
    expect((await finalize(upload.uploadId)).userErrors).toEqual([]);
  });

  it('keeps what a job makes, and the page may show it', async () => {
    const runner = await stack.startRunner();
    const job = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_IMAGE', prompt: 'a red square', seed: 1 });
    const events = await collectEvents(stack.services, job.id);
    await runner.stop({ graceMs: 1000 });
    expect(events.at(-1)).toMatchObject({ type: 'JobFinished', status: 'SUCCEEDED' });
    const { rows } = await stack.database.pool.query<{ inObjectStore: boolean; chunks: number }>(
      'SELECT b.in_object_store AS "inObjectStore", (SELECT count(*)::int FROM blob_chunk c WHERE c.sha256 = b.sha256) AS chunks FROM blob b JOIN asset a ON a.sha256 = b.sha256 WHERE a.job_id = $1', [job.id]);
    expect(rows).toEqual([{ inObjectStore: true, chunks: 0 }]);
    const policy = (await fetch(server.url)).headers.get('content-security-policy') ?? '';
    for (const directive of ['img-src', 'media-src', 'connect-src']) expect(policy).toMatch(new RegExp(`${directive} [^;]*http://127.0.0.1:${s3.port}`));
  });
});
