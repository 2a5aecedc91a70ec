import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Demuxer, Encoder, FilterAPI, Muxer } from 'node-av/api';
import { FF_ENCODER_LIBOPUS, FF_ENCODER_LIBVPX_VP9 } from 'node-av/constants';
import { Rational } from 'node-av/lib';
import sharp from 'sharp';
import { framesOf, packetsOf, withInput } from './caged-input.ts';
import type { MediaFormat } from './media-kinds.ts';
import { RAW_BYTES } from './media-limits.ts';
import { decodeVideo, inspectVideo, videoOf, withEnd } from './read-video.ts';
import { uprightOf } from './upright.ts';
import { type Converted, type Conversion, Refused, type SpriteLayout } from './reader-messages.ts';

/** An animated picture is a preview: no longer, no larger and no faster than this. */
const MOST_PICTURES = 600;
const PICTURE_SIDE = 480;
const PICTURE_FPS = 25;

/** A clip in another form. Runs in a reader process only. Throws {@link Refused}. */
export async function convert(bytes: Buffer, format: MediaFormat, to: Conversion, layout: SpriteLayout | undefined): Promise<Converted> {
  switch (to) {
    case 'webm':
      return { contentType: 'video/webm', bytes: await encodeWebm(bytes, format) };
    case 'gif':
      return { contentType: 'image/gif', bytes: await animate(bytes, format, 'gif') };
    case 'webp':
      return { contentType: 'image/webp', bytes: await animate(bytes, format, 'webp') };
    case 'sprites':
      if (layout === undefined) throw new TypeError('a sprite sheet needs a layout');
      return { contentType: 'image/webp', bytes: await drawSprites(bytes, format, layout) };
  }
}

async function animate(bytes: Buffer, format: MediaFormat, to: 'gif' | 'webp'): Promise<Buffer> {
  const clip = await inspectVideo(bytes, format);
  const [sourceWidth, sourceHeight, rate] = [clip.width ?? 1, clip.height ?? 1, clip.fps ?? 1];
  const fps = Math.min(PICTURE_FPS, rate);
  const expected = Math.ceil(((clip.frameCount ?? 1) * fps) / rate);
  const side = Math.min(PICTURE_SIDE, Math.floor(Math.sqrt(RAW_BYTES / 3 / Math.max(1, expected))));
  const scale = Math.min(1, side / Math.max(sourceWidth, sourceHeight));
  const [width, height] = [sourceWidth, sourceHeight].map(each => Math.max(1, Math.round(each * scale))) as [number, number];
  const { rgb, frameCount, truncated } = await decodeVideo(bytes, format, { width, height, fps, maxFrames: MOST_PICTURES, fromMs: 0, fit: 'crop' });
  if (truncated) throw new Refused('MEDIA_TOO_LARGE', `The clip is too long for an animated picture; up to ${MOST_PICTURES} frames are possible. Ask for WEBM.`);
  // A GIF knows steps of 10 ms only; rounded so that it does not drift from the clip.
  const step = to === 'gif' ? 10 : 1;
  const at = (frame: number): number => Math.round((frame * 1000) / fps / step) * step;
  const delay = Array.from({ length: frameCount }, (_, frame) => at(frame + 1) - at(frame));
  const pictures = sharp(rgb, { raw: { width, height: height * frameCount, channels: 3, pageHeight: height }, limitInputPixels: false });
  return to === 'gif' ? pictures.gif({ delay, loop: 0, effort: 4 }).toBuffer() : pictures.webp({ delay, loop: 0, quality: 80, effort: 3 }).toBuffer();
}

/** Stills at even distances, in rows: what a player shows while its user drags along the time line. */
async function drawSprites(bytes: Buffer, format: MediaFormat, { columns, rows, count, width, height, fps }: SpriteLayout): Promise<Buffer> {
  const { rgb, frameCount } = await decodeVideo(bytes, format, { width, height, fps, maxFrames: count, fromMs: 0, fit: 'crop' });
  const frameBytes = width * height * 3;
  // Rounding may cost the last still: the one before stands in.
  const tiles = Array.from({ length: count }, (_, index) => {
    const from = Math.min(index, frameCount - 1) * frameBytes;
    return { input: Buffer.from(rgb.subarray(from, from + frameBytes)), raw: { width, height, channels: 3 as const }, left: (index % columns) * width, top: Math.floor(index / columns) * height };
  });
  return sharp({ create: { width: columns * width, height: rows * height, channels: 3, background: '#000' } }).composite(tiles).webp({ quality: 75, effort: 3 }).toBuffer();
}

async function encodeWebm(bytes: Buffer, format: MediaFormat): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'cinegraph-convert-'));
  try {
    const file = join(folder, 'clip.webm');
    await withInput(bytes, format, picture => withInput(bytes, format, sound => writeWebm(file, picture, sound)));
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** VP9 and Opus, in one thread each; the two inputs are the same file, read side by side. */
async function writeWebm(file: string, picture: Demuxer, sound: Demuxer): Promise<void> {
  const { avgFrameRate } = videoOf(picture);
  const framerate = avgFrameRate.num > 0 && avgFrameRate.den > 0 ? new Rational(avgFrameRate.num, avgFrameRate.den) : new Rational(25, 1);
  const muxer = await Muxer.open(file, { format: 'webm', options: { fflags: '+bitexact' } });
  const video = await Encoder.create(FF_ENCODER_LIBVPX_VP9, { threadCount: 1, options: { crf: 30, deadline: 'good', 'cpu-used': 5, 'row-mt': false }, context: { bitRate: 0n, framerate } });
  const audio = sound.audio() === undefined ? undefined : await Encoder.create(FF_ENCODER_LIBOPUS, { context: { bitRate: 96_000n } });
  try {
    const tracks = [encodeTrack(muxer, video, picture, videoOf(picture), `${uprightOf(videoOf(picture)).filter}scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p`)];
    const stream = sound.audio();
    if (audio !== undefined && stream !== undefined) tracks.push(encodeTrack(muxer, audio, sound, stream, 'aresample=48000,aformat=sample_fmts=flt:channel_layouts=mono|stereo,asetnsamples=n=960:p=0'));
    await Promise.all(tracks);
  } finally {
    await muxer.close();
    video.close();
    audio?.close();
  }
}

async function encodeTrack(muxer: Muxer, encoder: Encoder, input: Demuxer, stream: ReturnType<typeof videoOf>, description: string): Promise<void> {
  const track = muxer.addStream(encoder);
  const filter = FilterAPI.create(description, { threads: 1 });
  try {
    const frames = filter.frames(withEnd(framesOf(stream, packetsOf(input, stream, { packets: 0, ofStream: 0, enough: false }))));
    for await (const packet of encoder.packets(frames)) {
      await muxer.writePacket(packet, track);
      packet?.free();
    }
  } finally {
    filter.close();
  }
}
