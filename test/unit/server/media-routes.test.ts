import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUrlSigner } from '../../../src/server/media/url-signer.ts';
import { FAKE_KEY, startFakeServer, type FakeServer } from '../../support/fake-server.ts';
import { FAKE_BYTES, FAKE_SHA256 } from '../../support/fake-services.ts';

let server: FakeServer;
let url: string;
const signer = (now: number) => createUrlSigner(server.url, { key: FAKE_KEY, ttlSeconds: 3600, now: () => now });
beforeAll(async () => {
  server = await startFakeServer();
  url = signer(Date.now()).asset({ id: 'a', sha256: FAKE_SHA256, contentType: 'video/mp4' });
});
afterAll(() => server.close(1000));

const get = (headers: Record<string, string> = {}, method = 'GET') => fetch(url, { headers, method });
const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer());
const ETAG = `"${FAKE_SHA256}"`;

describe('an asset', () => {
  it('comes whole', async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '1000',
      'content-type': 'video/mp4',
      etag: ETAG,
      'cache-control': expect.stringMatching(/^private, max-age=\d+, immutable$/),
      'content-disposition': expect.stringMatching(/^inline; filename="?cinegraph-\w{12}\.mp4"?$/),
      'x-content-type-options': 'nosniff',
    });
    expect(await bytes(response)).toEqual(FAKE_BYTES);
  });

  it('comes in parts', async () => {
    const response = await get({ range: 'bytes=100-199' });
    expect([response.status, response.headers.get('content-range'), response.headers.get('content-length')]).toEqual([206, 'bytes 100-199/1000', '100']);
    expect(await bytes(response)).toEqual(FAKE_BYTES.subarray(100, 200));
  });

  it('has no part behind its end', async () => {
    const response = await get({ range: 'bytes=1000-' });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */1000']);
    expect(await response.json()).toMatchObject({ error: { code: 'RANGE_NOT_SATISFIABLE' } });
  });

  it('is not sent again to who has it', async () => {
    const response = await get({ 'if-none-match': ETAG });
    expect([response.status, (await bytes(response)).length]).toEqual([304, 0]);
  });

  it('ignores a range when If-Range names other bytes', async () => {
    expect((await get({ range: 'bytes=0-9', 'if-range': ETAG })).status).toBe(206);
    expect((await get({ range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200);
  });

  it('answers HEAD with the headers alone', async () => {
    const response = await get({}, 'HEAD');
    expect([response.status, response.headers.get('content-length'), (await bytes(response)).length]).toEqual([200, '1000', 0]);
  });

  it('can be downloaded under a name', async () => {
    const response = await fetch(`${url}&download=1`);
    expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    await response.body?.cancel();
  });
});

describe('the signature', () => {
  it.each([
    ['forged', (text: string) => text.replace(/signature=.{5}/, 'signature=AAAAA'), 403, 'SIGNATURE_INVALID'],
    ['missing', (text: string) => text.replace(/\?.*/, ''), 403, 'SIGNATURE_INVALID'],
    ['of another path', (text: string) => text.replace('/a/', '/b/'), 403, 'SIGNATURE_INVALID'],
  ])('%s', async (_name, forge, status, code) => {
    const response = await fetch(forge(url));
    expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }]);
  });

  it('expired', async () => {
    const response = await fetch(signer(Date.now() - 86_400_000).asset({ id: 'a', sha256: FAKE_SHA256, contentType: 'video/mp4' }));
    expect([response.status, await response.json()]).toMatchObject([403, { error: { code: 'URL_EXPIRED' } }]);
  });

  it('right, but of bytes that are gone', async () => {
    const response = await fetch(signer(Date.now()).asset({ id: 'a', sha256: 'b'.repeat(64), contentType: 'video/mp4' }));
    expect(response.status).toBe(404);
  });
});

it('previews and thumbnails come too', async () => {
  const preview = await fetch(signer(Date.now()).previewFrame('job', 3, 1));
  expect([preview.status, preview.headers.get('content-type'), await preview.text()]).toEqual([200, 'image/webp', 'webp 1']);
  expect((await fetch(signer(Date.now()).previewFrame('job', 3, 99))).status).toBe(404);
  const thumbnail = await fetch(signer(Date.now()).thumbnail({ id: 'a', thumbnailSha256: FAKE_SHA256 }));
  expect(thumbnail.status).toBe(200);
});
