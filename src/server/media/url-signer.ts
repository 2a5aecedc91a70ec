import { createHmac, timingSafeEqual } from 'node:crypto';
import { CinegraphError } from '../../errors.ts';
import type { UrlSigner } from '../../services/contract.ts';
import { extensionOf } from './content-types.ts';

/** Expiry times are rounded up to this, so that the URL of an asset stays the same for a while and caches can work. */
const STEP_SECONDS = 300;

export interface SigningOptions {
  readonly key: Buffer;
  readonly ttlSeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Signed URLs below one base URL. The signature covers the path, which names the bytes by their digest, and the expiry. */
export function createUrlSigner(baseUrl: string, options: SigningOptions): UrlSigner {
  const signed = (path: string, expires = expiry(options)) => `${baseUrl}${path}?expires=${expires}&signature=${signature(options.key, path, expires)}`;
  return {
    baseUrl,
    asset: ({ id, sha256, contentType }) => signed(`/media/assets/${id}/${sha256}.${extensionOf(contentType)}`),
    thumbnail({ id, thumbnailSha256 }) {
      if (thumbnailSha256 === null) throw new Error(`asset ${id} has no thumbnail`);
      return signed(`/media/thumbnails/${id}/${thumbnailSha256}.webp`);
    },
    variant: ({ id }, format) => signed(`/media/variants/${id}/${format}.${format === 'sprites' ? 'webp' : format}`),
    previewFrame: (jobId, seq, frameIndex) => signed(`/media/previews/${jobId}/${seq}/${frameIndex}.webp`),
    previewSound: (jobId, seq) => signed(`/media/previews/${jobId}/${seq}/sound.wav`),
    upload: ({ id, expiresAt }) => signed(`/media/uploads/${id}`, Math.floor(expiresAt.getTime() / 1000)),
  };
}

/** Seconds for which the URL is still valid. Throws SIGNATURE_INVALID or URL_EXPIRED. */
export function verifyUrl(url: string, { key, now }: SigningOptions): number {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const expires = Number(searchParams.get('expires'));
  const given = Buffer.from(searchParams.get('signature') ?? '', 'base64url');
  const expected = Buffer.from(signature(key, pathname, expires), 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new CinegraphError('SIGNATURE_INVALID');
  const left = Math.floor(expires - now() / 1000);
  if (left <= 0) throw new CinegraphError('URL_EXPIRED');
  return left;
}

function expiry({ ttlSeconds, now }: SigningOptions): number {
  return Math.ceil((now() / 1000 + ttlSeconds) / STEP_SECONDS) * STEP_SECONDS;
}

function signature(key: Buffer, path: string, expires: number): string {
  return createHmac('sha256', key).update(`${path}\n${expires}`).digest('base64url');
}
