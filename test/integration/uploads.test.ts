import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { pino } from 'pino';
import sharp from 'sharp';
import { Upload } from 'tus-js-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { graphql, TEST_SERVER_CONFIG } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { filmed, hugePicture, jpeg, mp4, photo, playlist, png, wav } from '../support/media-files.ts';
import { type S3Server, startS3 } from '../support/s3.ts';
import { UPLOAD_LIMITS } from '../support/upload-limits.ts';

describe.each([{ where: 'the database', inBucket: false }, { where: 'a bucket', inBucket: true }])('with the bytes in $where', ({ inBucket }) => {
  /** The real services behind the real server; no model is needed. */
  let stack: DataStack;
  let inference: InferenceClient;
  let server: RunningServer;
  let s3: S3Server | undefined;
  beforeAll(async () => {
    s3 = inBucket ? await startS3() : undefined;
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    stack = await openDataStack({ inference, objectStore: s3 && { ...s3.options, presign: false } });
    const backend = { services: stack.services, signingKey: await stack.database.signingKey() };
    server = await startServer(TEST_SERVER_CONFIG, { backend, readiness: async () => ({ ready: true, reasons: [] }) }, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await server?.close(1000);
    await stack?.[Symbol.asyncDispose]();
    await s3?.close();
    await inference?.close();
  });
  beforeEach(() => stack.database.prisma.upload.deleteMany());

  interface Created {
    readonly uploadId: string;
    readonly uploadUrl: string;
  }

  const CREATE = 'mutation($input: CreateUploadInput!) { createUpload(input: $input) { uploadId uploadUrl upload { offset byteSize kind } userErrors { code field message } } }';
  const FINALIZE = `mutation($uploadId: ID!) { finalizeUpload(input: { uploadId: $uploadId }) { asset { __typename id kind origin title tags contentType byteSize sha256 url
    ... on ImageAsset { width height thumbnailUrl thumbhash } ... on VideoAsset { width height fps frameCount durationMs hasAudio thumbnailUrl }
    ... on AudioAsset { durationMs sampleRateHz channels waveformUrl } } userErrors { code field message } } }`;

  const tryCreate = async (input: Record<string, unknown>) => (await graphql(server.url, CREATE, { input })).data.createUpload;
  async function create(bytes: Buffer, contentType: string, more: Record<string, unknown> = {}): Promise<Created> {
    const payload = await tryCreate({ filename: 'file', contentType, byteSize: bytes.length, ...more });
    expect(payload.userErrors).toEqual([]);
    return payload;
  }
  const finalize = async (uploadId: string) => (await graphql(server.url, FINALIZE, { uploadId })).data.finalizeUpload;
  const put = (url: string, body: Buffer, headers: Record<string, string> = {}) => fetch(url, { method: 'PUT', body: new Uint8Array(body), headers });
  const offsetOf = async (url: string) => Number((await fetch(url, { method: 'HEAD' })).headers.get('upload-offset'));

  /** Sends some bytes of a longer body, and cuts the connection when they are stored. */
  async function putAndBreak(url: string, bytes: Buffer, sent: number, stored: number): Promise<void> {
    const outgoing = request(url, { method: 'PUT', headers: { 'content-length': bytes.length } });
    outgoing.on('error', () => {});
    outgoing.write(bytes.subarray(0, sent));
    // Full chunks are stored as they come; the rest when the connection breaks.
    await expect.poll(() => offsetOf(url), { timeout: 60_000 }).toBeGreaterThanOrEqual(stored);
    outgoing.destroy();
  }

  describe('an upload', () => {
    it('of a picture becomes an asset with a thumbnail, and says the same when finalized again', async () => {
      const bytes = await png(320, 200);
      const { uploadId, uploadUrl } = await create(bytes, 'image/png', { filename: 'a.png', tags: ['x', 'y'], sha256: createHash('sha256').update(bytes).digest('hex').toUpperCase() });
      const response = await put(uploadUrl, bytes);
      expect([response.status, response.headers.get('upload-offset'), response.headers.get('upload-complete')]).toEqual([204, String(bytes.length), '?1']);
      const { asset, userErrors } = await finalize(uploadId);
      expect(userErrors).toEqual([]);
      expect(asset).toMatchObject({ __typename: 'ImageAsset', kind: 'IMAGE', origin: 'UPLOADED', title: 'a.png', tags: ['x', 'y'], contentType: 'image/png', byteSize: bytes.length, width: 320, height: 200 });
      expect(Buffer.from(await (await fetch(asset.url)).arrayBuffer()).equals(bytes)).toBe(true);
      expect((await fetch(asset.thumbnailUrl)).headers.get('content-type')).toBe('image/webp');
      expect((await finalize(uploadId)).asset.id).toBe(asset.id);
      const { data } = await graphql(server.url, 'query($id: ID!) { node(id: $id) { ... on Upload { offset asset { id } } } }', { id: uploadId });
      expect(data.node).toEqual({ offset: bytes.length, asset: { id: asset.id } });
    });

    it('of a clip, a sound and a mask', async () => {
      const finished = async (bytes: Buffer, contentType: string, more = {}) => {
        const { uploadId, uploadUrl } = await create(bytes, contentType, more);
        await put(uploadUrl, bytes);
        return (await finalize(uploadId)).asset;
      };
      expect(await finished(await mp4(17), 'video/mp4')).toMatchObject({ __typename: 'VideoAsset', width: 64, height: 48, fps: 8, frameCount: 17, durationMs: 2125, hasAudio: false });
      const sound = await finished(wav(1.5), 'audio/x-wav');
      expect(sound).toMatchObject({ __typename: 'AudioAsset', contentType: 'audio/wav', durationMs: 1500, sampleRateHz: 24_000, channels: 1 });
      expect((await fetch(sound.waveformUrl)).status).toBe(200);
      expect(await finished(await png(), 'image/png', { kind: 'MASK' })).toMatchObject({ __typename: 'ImageAsset', kind: 'MASK' });
      // As they are seen: a phone that is held upright writes both lying on their side.
      expect(await finished(await photo(6), 'image/jpeg')).toMatchObject({ __typename: 'ImageAsset', width: 48, height: 64 });
      expect(await finished(await filmed({ container: 'mov', picture: 'h264', sound: 'aac', matrix: [0, 1, -1, 0] }), 'video/quicktime')).toMatchObject({ __typename: 'VideoAsset', width: 48, height: 64, hasAudio: true });
    });

    it('has the type of its bytes, whatever was announced', async () => {
      const bytes = await jpeg();
      const { uploadId, uploadUrl } = await create(bytes, 'image/png');
      await put(uploadUrl, bytes);
      expect((await finalize(uploadId)).asset).toMatchObject({ contentType: 'image/jpeg' });
    });

    it('keeps equal content once', async () => {
      const bytes = await png(40, 40);
      for (let count = 0; count < 2; count++) {
        const { uploadId, uploadUrl } = await create(bytes, 'image/png');
        await put(uploadUrl, bytes);
        expect((await finalize(uploadId)).userErrors).toEqual([]);
      }
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect(await stack.database.prisma.blob.count({ where: { sha256 } })).toBe(1);
      expect(await stack.database.prisma.asset.count({ where: { sha256 } })).toBe(2);
      expect(await stack.database.prisma.uploadChunk.count()).toBe(0);
    });

    it('finalized many times at once gives one asset', async () => {
      const bytes = await png(41, 41);
      const { uploadId, uploadUrl } = await create(bytes, 'image/png');
      await put(uploadUrl, bytes);
      const all = await Promise.all(Array.from({ length: 4 }, () => finalize(uploadId)));
      expect(new Set(all.map(({ asset }) => asset.id)).size).toBe(1);
    });
  });

  describe('a download', () => {
    const FORMATS = `query($id: ID!) { node(id: $id) { ... on VideoAsset { mp4: url webm: url(format: WEBM) gif: url(format: GIF) webp: url(format: WEBP)
      spriteSheet { url count columns rows width height intervalMs } } } }`;

    it('comes in other formats, in parts, under the title as its name', async () => {
      const bytes = await mp4(17);
      const { uploadId, uploadUrl } = await create(bytes, 'video/mp4', { title: 'Füchse: "rot"/weiß.mp4' });
      await put(uploadUrl, bytes);
      const { asset } = await finalize(uploadId);
      const { node } = (await graphql(server.url, FORMATS, { id: asset.id })).data;
      expect(Buffer.from(await (await fetch(node.mp4)).arrayBuffer()).equals(bytes)).toBe(true);
      const magic = { webm: '1a45dfa3', gif: '47494638', webp: '52494646' } as const;
      for (const format of ['webm', 'gif', 'webp'] as const) {
        const response = await fetch(node[format]);
        const body = Buffer.from(await response.arrayBuffer());
        expect([format, response.status, body.subarray(0, 4).toString('hex'), Number(response.headers.get('content-length'))]).toEqual([format, 200, magic[format], body.length]);
        const etag = response.headers.get('etag') ?? '';
        expect((await fetch(node[format], { headers: { 'if-none-match': etag } })).status).toBe(304);
        const part = await fetch(node[format], { headers: { range: 'bytes=0-3' } });
        expect([part.status, Buffer.from(await part.arrayBuffer()).toString('hex')]).toEqual([206, magic[format]]);
      }
      const sheet = await sharp(Buffer.from(await (await fetch(node.spriteSheet.url)).arrayBuffer())).metadata();
      expect(node.spriteSheet).toMatchObject({ count: 17, columns: 5, rows: 4, width: 64, height: 48, intervalMs: 125 });
      expect([sheet.format, sheet.width, sheet.height]).toEqual(['webp', 320, 192]);
      const named = await fetch(`${node.gif}&download=1`);
      expect(named.headers.get('content-disposition')).toBe(`attachment; filename="F?chse rot wei?.gif"; filename*=UTF-8''F%C3%BCchse%20rot%20wei%C3%9F.gif`);
      await named.body?.cancel();
      await graphql(server.url, 'mutation($id: ID!) { deleteAsset(input: { assetId: $id }) { deletedAssetId } }', { id: asset.id });
      expect([(await fetch(node.mp4)).status, (await fetch(node.gif)).status, (await fetch(asset.thumbnailUrl)).status]).toEqual([404, 404, 404]);
      const { restoreAsset } = (await graphql(server.url, 'mutation($id: ID!) { restoreAsset(input: { assetId: $id }) { asset { id deletedAt } userErrors { code } } }', { id: asset.id })).data;
      expect(restoreAsset).toEqual({ asset: { id: asset.id, deletedAt: null }, userErrors: [] });
      expect((await fetch(node.gif)).status).toBe(200);
    });
  });

  describe('resuming', () => {
    // Noise does not compress: a file of several chunks.
    const noise = (): Buffer => wav(1, 24_000).subarray(0, 44).fill(0);
    const clip = Buffer.concat([wav(20, 24_000, 2), noise()]);

    it('a plain PUT sent again goes on where the connection broke', async () => {
      const { uploadId, uploadUrl } = await create(clip, 'audio/wav');
      await putAndBreak(uploadUrl, clip, 1_500_000, 1 << 20);
      await expect.poll(() => offsetOf(uploadUrl), { timeout: 60_000 }).toBe(1_500_000);
      expect((await finalize(uploadId)).userErrors).toMatchObject([{ code: 'UPLOAD_INCOMPLETE', field: ['input', 'uploadId'] }]);
      expect((await put(uploadUrl, clip)).status).toBe(204);
      const { asset } = await finalize(uploadId);
      expect(asset.sha256).toBe(createHash('sha256').update(clip).digest('hex'));
    });

    it('by Content-Range, in pieces of any size', async () => {
      const { uploadId, uploadUrl } = await create(clip, 'audio/wav');
      const size = 700_001;
      for (let at = 0; at < clip.length; at += size) {
        const piece = clip.subarray(at, at + size);
        const response = await put(uploadUrl, piece, { 'content-range': `bytes ${at}-${at + piece.length - 1}/${clip.length}` });
        expect([response.status, response.headers.get('upload-offset')]).toEqual([204, String(at + piece.length)]);
      }
      const asked = await put(uploadUrl, Buffer.alloc(0), { 'content-range': `bytes */${clip.length}` });
      expect([asked.status, asked.headers.get('upload-complete')]).toEqual([204, '?1']);
      expect((await finalize(uploadId)).asset.sha256).toBe(createHash('sha256').update(clip).digest('hex'));
    });

    it('by tus-js-client, in pieces, after it was aborted', async () => {
      const { uploadId, uploadUrl } = await create(clip, 'audio/wav');
      const send = (onProgress?: (sent: number) => void) => new Promise<void>((resolve, reject) => {
        const upload = new Upload(clip, {
          uploadUrl, chunkSize: 600_000, retryDelays: null,
          onSuccess: () => resolve(), onError: reject,
          onChunkComplete: (_size, accepted) => {
            if (onProgress !== undefined) void upload.abort().then(() => resolve());
            onProgress?.(accepted);
          },
        });
        upload.start();
      });
      await send(() => {});
      expect(await offsetOf(uploadUrl)).toBe(600_000);
      await send();
      expect((await finalize(uploadId)).asset.sha256).toBe(createHash('sha256').update(clip).digest('hex'));
    });

    it('at a wrong offset is refused with the right one, and of two writers one wins', async () => {
      const { uploadUrl } = await create(clip, 'audio/wav');
      const early = await fetch(uploadUrl, { method: 'PATCH', headers: { 'upload-offset': '10' }, body: new Uint8Array(5) });
      expect([early.status, early.headers.get('upload-offset'), await early.json()]).toMatchObject([409, '0', { error: { code: 'UPLOAD_OFFSET_CONFLICT' } }]);
      const piece = () => fetch(uploadUrl, { method: 'PATCH', headers: { 'upload-offset': '0' }, body: new Uint8Array(randomBytes(100_000)) });
      const statuses = await Promise.all([piece(), piece(), piece()].map(async (response) => (await response).status));
      expect(statuses.toSorted()).toEqual([204, 409, 409]);
      expect(await offsetOf(uploadUrl)).toBe(100_000);
    });
  });

  describe('bounds', () => {
    it.each([
      ['too large', { byteSize: UPLOAD_LIMITS.maxBytes + 1 }, 'UPLOAD_TOO_LARGE', ['input', 'byteSize']],
      ['of no bytes', { byteSize: 0 }, 'INVALID_INPUT', ['input', 'byteSize']],
      ['of a type that is not let in', { contentType: 'image/svg+xml' }, 'MEDIA_TYPE_NOT_SUPPORTED', ['input', 'contentType']],
      ['of a kind that the type does not have', { kind: 'VIDEO' }, 'MEDIA_TYPE_NOT_SUPPORTED', ['input', 'kind']],
      ['without a name', { filename: '../' }, 'INVALID_INPUT', ['input', 'filename']],
      ['with half a checksum', { sha256: 'abc' }, 'INVALID_INPUT', ['input', 'sha256']],
      ['with too long a tag', { tags: ['x'.repeat(51)] }, 'INVALID_INPUT', ['input', 'tags']],
      ['that lives no time', { timeToLiveSeconds: 0 }, 'INVALID_INPUT', ['input', 'timeToLiveSeconds']],
    ])('an upload %s is refused', async (_what, change, code, field) => {
      const payload = await tryCreate({ filename: 'a.png', contentType: 'image/png', byteSize: 10, ...change });
      expect(payload).toMatchObject({ upload: null, uploadId: null, uploadUrl: null, userErrors: [{ code, field }] });
    });

    it('one viewer has only so many open uploads, also when all are asked for at once', async () => {
      const all = await Promise.all(Array.from({ length: UPLOAD_LIMITS.maxOpen + 4 }, () => tryCreate({ filename: 'a.png', contentType: 'image/png', byteSize: 10 })));
      const codes = all.flatMap(({ userErrors }) => userErrors.map(({ code }: { code: string }) => code));
      expect(codes).toEqual(Array.from({ length: 4 }, () => 'UPLOAD_LIMIT_REACHED'));
    });

    it('takes no more bytes than were announced', async () => {
      const bytes = await png();
      const { uploadUrl } = await create(bytes, 'image/png');
      const long = await put(uploadUrl, Buffer.concat([bytes, Buffer.alloc(10)]));
      expect([long.status, await long.json()]).toMatchObject([413, { error: { code: 'UPLOAD_TOO_LARGE' } }]);
      // The same without a length in front.
      const chunked = await fetch(uploadUrl, { method: 'PUT', body: new Blob([new Uint8Array(bytes), new Uint8Array(10)]).stream(), duplex: 'half' } as RequestInit);
      expect(chunked.status).toBe(413);
    });

    it('takes no bytes in disguise', async () => {
      const bytes = await png();
      const { uploadUrl } = await create(bytes, 'image/png');
      expect((await put(uploadUrl, bytes, { 'content-encoding': 'gzip' })).status).toBe(415);
      expect((await put(uploadUrl, bytes, { 'content-range': 'bytes 5-1/9' })).status).toBe(400);
      expect((await fetch(uploadUrl, { method: 'PATCH', body: new Uint8Array(1) })).status).toBe(400);
      expect((await put(uploadUrl.replace(/signature=.{4}/, 'signature=AAAA'), bytes)).status).toBe(403);
    });

    it('answers the preflight of a page', async () => {
      const { uploadUrl } = await create(await png(), 'image/png');
      const response = await fetch(uploadUrl, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'PATCH' } });
      expect([response.status, response.headers.get('access-control-allow-origin'), response.headers.get('access-control-allow-methods')]).toEqual([204, '*', 'HEAD, PUT, PATCH']);
    });
  });

  describe('a bad file', () => {
    it.each([
      ['a huge picture', hugePicture, 'image/png', 'MEDIA_TOO_LARGE'],
      ['a playlist', playlist, 'video/mp4', 'MEDIA_TYPE_NOT_SUPPORTED'],
      ['half a picture', async () => (await png(200, 200)).subarray(0, 300), 'image/png', 'MEDIA_CORRUPT'],
    ])('%s is refused for good, and its bytes are gone', async (_what, make, contentType, code) => {
      const bytes = await make();
      const { uploadId, uploadUrl } = await create(bytes, contentType);
      await put(uploadUrl, bytes);
      for (let count = 0; count < 2; count++) {
        expect(await finalize(uploadId)).toMatchObject({ asset: null, userErrors: [{ code, field: ['input', 'uploadId'] }] });
      }
      expect(await stack.database.prisma.uploadChunk.count()).toBe(0);
      expect((await put(uploadUrl, bytes)).status, 'nor can it be filled again').toBeGreaterThanOrEqual(415);
    });

    it('with another checksum is refused', async () => {
      const bytes = await png();
      const { uploadId, uploadUrl } = await create(bytes, 'image/png', { sha256: '0'.repeat(64) });
      await put(uploadUrl, bytes);
      expect((await finalize(uploadId)).userErrors).toMatchObject([{ code: 'CHECKSUM_MISMATCH' }]);
    });

    it('of another viewer does not exist', async () => {
      const { id } = await stack.services.uploads.create({ ownerId: 'bob' }, { filename: 'a.png', contentType: 'image/png', byteSize: 1 });
      const uploadId = Buffer.from(`Upload:${id}`).toString('base64url');
      expect((await finalize(uploadId)).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
      expect((await graphql(server.url, 'query($id: ID!) { node(id: $id) { id } }', { id: uploadId })).data.node).toBeNull();
    });
  });

  it('leaves no reader process behind', async () => {
    const { openMedia } = await import('../../src/media/media.ts');
    const media = await openMedia({ encoders: 1, log: silent });
    await media.close();
    await expect(media.inspect({ byteSize: 1, read: async function* () { yield Buffer.alloc(1); } }, 'IMAGE')).rejects.toMatchObject({ code: 'MEDIA_BUSY' });
  });
});
