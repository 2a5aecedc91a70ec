import { createHash } from 'node:crypto';
import type { MediaLog, RgbFrame } from './clip.ts';
import { EncoderPool } from './encoder-pool.ts';
import { type Preview, encodePng, encodePreview, encodeThumbnail, thumbhash } from './still.ts';

export interface OpenMediaOptions {
  /** Encoder processes kept warm; each takes a core while it encodes. */
  readonly encoders: number;
  readonly log: MediaLog;
}

/** A finished asset, ready to be stored. */
export interface EncodedMedia {
  readonly kind: 'IMAGE' | 'VIDEO';
  readonly contentType: 'image/png' | 'video/mp4';
  readonly bytes: Buffer;
  readonly thumbnail: Buffer;
  readonly thumbhash: string;
  /** sha256 over the raw RGB bytes of all frames, hex. */
  readonly framesSha256: string;
  readonly width: number;
  readonly height: number;
  /** Null for an image. */
  readonly fps: number | null;
  readonly frameCount: number | null;
  readonly durationMs: number | null;
}

/** Turns frames into files. Owner: the composition root, which closes it. */
export interface Media {
  preview(frame: RgbFrame): Promise<Preview>;
  image(frame: RgbFrame): Promise<EncodedMedia>;
  /** Throws INTERNAL when the encoder process failed, crashed or hung; a second try may succeed. fps: an integer. */
  video(frames: readonly RgbFrame[], fps: number): Promise<EncodedMedia>;
  close(): Promise<void>;
}

/** Starts the encoder processes; does not wait for them: the first clip does, if it comes that early. */
export async function openMedia({ encoders, log }: OpenMediaOptions): Promise<Media> {
  const pool = new EncoderPool({ size: encoders, log });
  return {
    preview: encodePreview,
    image: encodeImage,
    video: (frames, fps) => encodeVideo(pool, frames, fps),
    close: () => pool.close(),
  };
}

async function encodeImage(frame: RgbFrame): Promise<EncodedMedia> {
  const [bytes, thumbnail, hash] = await Promise.all([encodePng(frame), encodeThumbnail(frame), thumbhash(frame)]);
  const { width, height } = frame;
  return { kind: 'IMAGE', contentType: 'image/png', bytes, thumbnail, thumbhash: hash, framesSha256: digest([frame]), width, height, fps: null, frameCount: null, durationMs: null };
}

async function encodeVideo(pool: EncoderPool, frames: readonly RgbFrame[], fps: number): Promise<EncodedMedia> {
  const middle = frames[frames.length >> 1];
  if (middle === undefined) throw new Error('a clip needs a frame');
  const { width, height } = middle;
  const rgb = Buffer.concat(frames.map(frame => frame.rgb));
  const [clip, thumbnail, hash] = await Promise.all([
    pool.encode({ width, height, fps, frameCount: frames.length, rgb }),
    encodeThumbnail(middle),
    thumbhash(middle),
  ]);
  const { frameCount, durationMs } = clip.probe;
  return { kind: 'VIDEO', contentType: 'video/mp4', bytes: clip.bytes, thumbnail, thumbhash: hash, framesSha256: digest(frames), width, height, fps, frameCount, durationMs };
}

function digest(frames: readonly RgbFrame[]): string {
  const hash = createHash('sha256');
  for (const { rgb } of frames) hash.update(rgb);
  return hash.digest('hex');
}
