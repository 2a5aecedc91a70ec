import { describe, expect, it } from 'vitest';
import { createUrlSigner, verifyUrl } from '../../../src/server/media/url-signer.ts';

/** Not a multiple of five minutes, at which expiry times step. */
const START = 1_800_000_010_000;
const at = (now: number, key = Buffer.alloc(32, 1)) => ({ key, ttlSeconds: 3600, now: () => now });
const asset = { id: 'id', sha256: 'ab', contentType: 'video/mp4' };

describe('signed URLs', () => {
  const url = createUrlSigner('http://h', at(START)).asset(asset);

  it('name the bytes and live for at least the given time', () => {
    expect(url).toMatch(/^http:\/\/h\/media\/assets\/id\/ab\.mp4\?expires=\d+&signature=[\w-]{43}$/);
    expect(verifyUrl(url, at(START))).toBeGreaterThanOrEqual(3600);
  });

  it('stay the same for a while, so that caches work', () => {
    expect(createUrlSigner('http://h', at(START + 1000)).asset(asset)).toBe(url);
  });

  it('expire', () => {
    expect(() => verifyUrl(url, at(START + 2 * 3600_000))).toThrowError(expect.objectContaining({ code: 'URL_EXPIRED' }));
  });

  it.each([
    ['another path', url.replace('/ab.', '/ac.')],
    ['a later expiry', url.replace(/expires=\d+/, 'expires=9999999999')],
    ['no signature', url.replace(/&signature=.*/, '')],
    ['a cut signature', url.slice(0, -1)],
    ['a changed signature', url.replace(/signature=./, (text) => `signature=${text.endsWith('A') ? 'B' : 'A'}`)],
  ])('are refused with %s', (_name, forged) => {
    expect(() => verifyUrl(forged, at(START))).toThrowError(expect.objectContaining({ code: 'SIGNATURE_INVALID' }));
  });

  it('are refused with another key', () => {
    expect(() => verifyUrl(url, at(START, Buffer.alloc(32, 2)))).toThrowError(expect.objectContaining({ code: 'SIGNATURE_INVALID' }));
  });
});
