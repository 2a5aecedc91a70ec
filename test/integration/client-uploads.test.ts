import { createHash, randomBytes } from 'node:crypto';
import { fileTypeFromBuffer } from 'file-type';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCinegraphClient, InputError, type CinegraphClient, type UploadProgress } from '../../src/client/index.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { openDataStack, type DataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { mp4 } from '../support/media-files.ts';
import { startStackServer } from '../support/stack-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** The real services behind the real server; no model is needed. */
let inference: InferenceClient;
let stack: DataStack;
let server: RunningServer;
let proxy: TcpProxy;
let client: CinegraphClient;
let picture: Blob;
beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  stack = await openDataStack({ inference });
  server = await startStackServer(stack);
  proxy = await startTcpProxy({ target: server.port, upLimits: [200_000, 900_000] });
  client = createCinegraphClient({ url: server.url });
  // Noise does not compress: about 1.9 MB, four pieces.
  const png = await sharp(randomBytes(800 * 800 * 3), { raw: { width: 800, height: 800, channels: 3 } }).png().toBuffer();
  picture = new Blob([new Uint8Array(png)], { type: 'image/png' });
});
afterAll(async () => {
  await proxy?.close();
  await server?.close(1000);
  await stack?.[Symbol.asyncDispose]();
  await inference?.close();
});

it('brings a file in over a connection that is cut twice, and says how far it is', async () => {
  const progress: UploadProgress[] = [];
  const far = createCinegraphClient({ url: `http://127.0.0.1:${proxy.port}` });
  const asset = await far.upload(picture, { filename: 'noise.png', tags: ['noise'], onProgress: (step) => void progress.push(step) });
  expect(asset).toMatchObject({ __typename: 'ImageAsset', origin: 'UPLOADED', width: 800, height: 800, title: 'noise.png', tags: ['noise'], byteSize: picture.size });
  expect(asset.sha256).toBe(createHash('sha256').update(await picture.bytes()).digest('hex'));
  expect(proxy.cuts).toBe(2);
  expect(progress[0]).toEqual({ sentBytes: 0, totalBytes: picture.size });
  expect(progress.at(-1)).toEqual({ sentBytes: picture.size, totalBytes: picture.size });
  expect(progress.map((step) => step.sentBytes)).toEqual(progress.map((step) => step.sentBytes).toSorted((a, b) => a - b));
  expect(await far.download(asset)).toEqual(await picture.bytes());
});

it('takes name and type of a File; what came in is changed, deleted and restored', async () => {
  const small = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } }).webp().toBuffer();
  const asset = await client.upload(new File([new Uint8Array(small)], 'red.webp', { type: 'image/webp' }), { title: 'Red' });
  expect(asset).toMatchObject({ title: 'Red', contentType: 'image/webp' });

  expect(await client.updateAsset(asset.id, { title: null, tags: ['a'] })).toMatchObject({ id: asset.id, title: null, tags: ['a'] });
  const { restorableUntil } = await client.deleteAsset(asset.id);
  expect(Date.parse(restorableUntil)).toBeGreaterThan(Date.now());
  expect(await Array.fromAsync(client.assets({ filter: { tags: ['a'] } }))).toEqual([]);
  expect(await client.restoreAsset(asset.id)).toMatchObject({ id: asset.id, deletedAt: null });
  await expect(client.restoreAsset(asset.id)).rejects.toBeInstanceOf(InputError);
  expect(await Array.fromAsync(client.assets({ filter: { tags: ['a'] }, pageSize: 1 }), ({ id }) => id)).toEqual([asset.id]);
});

it('downloads a clip in every form', async () => {
  const clip = await client.upload(new Blob([new Uint8Array(await mp4(17, 64, 48))], { type: 'video/mp4' }));
  if (clip.__typename !== 'VideoAsset') throw new Error(clip.__typename);
  const types = await Promise.all([clip.url, clip.webmUrl, clip.gifUrl, clip.webpUrl, clip.spriteSheet.url].map(async (url) => (await fileTypeFromBuffer(await client.download({ url })))?.mime));
  expect(types).toEqual(['video/mp4', 'video/webm', 'image/gif', 'image/webp', 'image/webp']);
  const { columns, rows, width, height } = clip.spriteSheet;
  expect(await sharp(await client.download(clip.spriteSheet)).metadata()).toMatchObject({ width: columns * width, height: rows * height });
});

it('throws what the server refuses, with the field', async () => {
  await expect(client.upload(new Blob(['x'], { type: 'application/pdf' }))).rejects.toMatchObject({ name: 'InputError', code: 'MEDIA_TYPE_NOT_SUPPORTED', field: ['input', 'contentType'] });
  await expect(client.upload(new Blob(['no picture at all'], { type: 'image/png' }))).rejects.toMatchObject({ name: 'InputError', code: expect.stringMatching(/^MEDIA_/) });
  await expect(client.upload(new Blob(['x']))).rejects.toMatchObject({ name: 'TransferError', code: 'INVALID_INPUT', field: ['contentType'] });
});

it('stops when it is told to', async () => {
  const controller = new AbortController();
  const upload = client.upload(picture, {
    signal: controller.signal,
    onProgress({ sentBytes }) {
      if (sentBytes > 0) controller.abort(new Error('enough'));
    },
  });
  await expect(upload).rejects.toThrow('enough');
});
