import sharp, { type Sharp } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import type { RgbFrame } from './clip.ts';

/** The largest side of a thumbnail and of a preview frame, in pixels; smaller pictures stay as they are. */
const THUMBNAIL_SIDE = 256;
const PREVIEW_SIDE = 256;

// libvips would keep its last results for the next operation that is the same: pixels that were just made never come again.
sharp.cache(false);

/** Lossless PNG. */
export function encodePng(frame: RgbFrame): Promise<Buffer> {
  return raw(frame).png({ compressionLevel: 9 }).toBuffer();
}

export interface Preview {
  readonly width: number;
  readonly height: number;
  /** WebP, 2 to 4 KB for 128 x 128. */
  readonly webp: Buffer;
}

/** A small picture for live progress; quality matters less than the two milliseconds. */
export async function encodePreview(frame: RgbFrame): Promise<Preview> {
  const { data, info } = await shrink(frame, PREVIEW_SIDE).webp({ quality: 80, effort: 1 }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, webp: data };
}

export function encodeThumbnail(frame: RgbFrame): Promise<Buffer> {
  return shrink(frame, THUMBNAIL_SIDE).webp({ quality: 85, effort: 4 }).toBuffer();
}

/** A placeholder of about 25 bytes, base64 (https://evanw.github.io/thumbhash/). */
export async function thumbhash(frame: RgbFrame): Promise<string> {
  const { data, info } = await shrink(frame, 100).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64');
}

function shrink(frame: RgbFrame, side: number): Sharp {
  return raw(frame).resize(side, side, { fit: 'inside', withoutEnlargement: true });
}

function raw({ width, height, rgb }: RgbFrame): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 }, limitInputPixels: 16e6 });
}
