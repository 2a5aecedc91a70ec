import { imageSize } from 'image-size';
import sharp, { type Sharp } from 'sharp';
import { checkPixels } from './caged-input.ts';
import type { MediaFormat } from './media-kinds.ts';
import { LIMITS } from './media-limits.ts';
import type { FrameWish } from './read-video.ts';
import { type DecodedFrames, type Inspected, Refused } from './reader-messages.ts';
import { encodeThumbnail, thumbhash } from './still.ts';

const TIMEOUT_SECONDS = 20;
/** Longest side of the decoded picture that the thumbnail is made from, pixels. */
const STILL_SIDE = 256;

/** Decodes the whole image once. width and height as people see it: the camera's orientation is applied. Throws {@link Refused}. */
export async function inspectImage(bytes: Buffer, format: MediaFormat): Promise<Inspected> {
  const picture = await open(bytes);
  const { data, info } = await picture.clone().resize(STILL_SIDE, STILL_SIDE, { fit: 'inside', withoutEnlargement: true }).flatten({ background: '#fff' }).raw().toBuffer({ resolveWithObject: true }).catch(damaged);
  const still = { width: info.width, height: info.height, rgb: data };
  const { autoOrient } = await picture.metadata();
  return {
    contentType: format.contentType, width: autoOrient.width, height: autoOrient.height, fps: null, frameCount: null, durationMs: null,
    hasAudio: false, sampleRateHz: null, channels: null, thumbnail: await encodeThumbnail(still), thumbhash: await thumbhash(still),
  };
}

/** The image as one RGB frame of the wished size. Throws {@link Refused}. */
export async function decodeImage(bytes: Buffer, { width, height, fit }: FrameWish): Promise<DecodedFrames> {
  const picture = await open(bytes);
  const { autoOrient } = await picture.metadata();
  const resized = fit === 'crop' ? picture.resize(width, height, { fit: 'cover' }) : picture.resize(width, height, { fit: 'contain', background: '#000' });
  const rgb = await resized.flatten({ background: '#fff' }).raw().toBuffer().catch(damaged);
  const sameShape = autoOrient.width * height === autoOrient.height * width;
  return { width, height, frameCount: 1, rgb, fitted: sameShape ? null : fit, sourceWidth: autoOrient.width, sourceHeight: autoOrient.height, truncated: false };
}

/** A still picture in sRGB, its size checked by the header alone. */
async function open(bytes: Buffer): Promise<Sharp> {
  // A header may promise more than its file can hold: what it promises is refused before anybody asks whether it is whole.
  const promised = promisedSize(bytes);
  checkPixels(promised.width, promised.height, LIMITS.imagePixels);
  const { width, height, pages = 1 } = await sharp(bytes, { limitInputPixels: false, failOn: 'error' }).metadata().catch(damaged);
  checkPixels(width, height, LIMITS.imagePixels);
  if (pages > 1) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', `The file has ${pages} pictures; an image has one. Upload animations as VIDEO.`);
  return sharp(bytes, { limitInputPixels: LIMITS.imagePixels, failOn: 'error', autoOrient: true }).timeout({ seconds: TIMEOUT_SECONDS }).toColourspace('srgb');
}

function promisedSize(bytes: Buffer): { readonly width: number; readonly height: number } {
  try {
    return imageSize(bytes);
  } catch {
    return { width: 0, height: 0 };
  }
}

function damaged(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : '';
  if (message.includes('exceeds pixel limit')) throw new Refused('MEDIA_TOO_LARGE', `The image has more than ${LIMITS.imagePixels} pixels.`, { cause });
  throw new Refused('MEDIA_CORRUPT', `The image cannot be decoded: ${message.split('\n', 1)[0]?.slice(0, 120) ?? ''}`, { cause });
}
