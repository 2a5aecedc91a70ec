/** Small media files made on the spot, and damaged or hostile ones. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, crc32 } from 'node:zlib';
import { Encoder, Muxer } from 'node-av/api';
import {
  AV_CHANNEL_LAYOUT_MONO, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_SAMPLE_FMT_FLT, AV_SAMPLE_FMT_FLTP, AVCOL_RANGE_JPEG, FF_ENCODER_AAC, FF_ENCODER_LIBOPUS, FF_ENCODER_LIBVORBIS,
  FF_ENCODER_LIBVPX_VP8, FF_ENCODER_LIBVPX_VP9, FF_ENCODER_LIBX264, FF_ENCODER_MJPEG,
} from 'node-av/constants';
import { Frame, Rational } from 'node-av/lib';
import sharp from 'sharp';
import { encodeMp4 } from '../../src/media/mp4.ts';
import { rgbToYuv420 } from '../../src/media/yuv.ts';
import type { MediaBytes } from '../../src/media/reader.ts';

export const bytesOf = (bytes: Uint8Array): MediaBytes => ({
  byteSize: bytes.byteLength,
  async *read(start, end) {
    yield bytes.subarray(start, end + 1);
  },
});

/** A colour that moves from frame to frame, with a white left half. */
export function rgbFrame(width: number, height: number, time = 0): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at++) rgb.set(at % width < width / 2 ? [255, 255, 255] : [200, (time * 16) % 256, 40], at * 3);
  return rgb;
}

const still = (width: number, height: number) => sharp(rgbFrame(width, height), { raw: { width, height, channels: 3 } });
export const png = (width = 64, height = 48): Promise<Buffer> => still(width, height).png().toBuffer();
export const jpeg = (width = 64, height = 48): Promise<Buffer> => still(width, height).jpeg().toBuffer();
export const webp = (width = 64, height = 48): Promise<Buffer> => still(width, height).webp().toBuffer();
export const avif = (width = 64, height = 48): Promise<Buffer> => still(width, height).avif({ effort: 0 }).toBuffer();

export function mp4(frameCount = 9, width = 64, height = 48, fps = 8): Promise<Buffer> {
  return encodeMp4({ width, height, fps, frameCount, rgb: Buffer.concat(Array.from({ length: frameCount }, (_, time) => rgbFrame(width, height, time))) });
}

/** A clip as a phone writes it that is held upright: the frames lie on their side, and a matrix in the file turns them a quarter, clockwise. */
export async function turnedMp4(frameCount = 9, width = 64, height = 48): Promise<Buffer> {
  const file = await mp4(frameCount, width, height);
  const matrix = file.indexOf('tkhd', 0, 'latin1') + 44;
  [0, 0x10000, 0, -0x10000, 0, 0].forEach((value, at) => file.writeInt32BE(value, matrix + at * 4));
  return file;
}

export function gif(frameCount = 5, width = 32, height = 24): Promise<Buffer> {
  const rgb = Buffer.concat(Array.from({ length: frameCount }, (_, time) => rgbFrame(width, height, time * 3)));
  return sharp(rgb, { raw: { width, height: height * frameCount, channels: 3, pageHeight: height } }).gif({ delay: Array.from({ length: frameCount }, () => 100) }).toBuffer();
}

/** A tone, 16 bits. */
export function wav(seconds = 1, sampleRateHz = 24_000, channels = 1): Buffer {
  const samples = Math.round(seconds * sampleRateHz);
  const data = Buffer.alloc(samples * channels * 2);
  for (let at = 0; at < samples; at++) for (let channel = 0; channel < channels; channel++) data.writeInt16LE(Math.round(Math.sin((at / sampleRateHz) * 2 * Math.PI * 440) * 16_000), (at * channels + channel) * 2);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0).toString();
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(sampleRateHz * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), pngChunk('IHDR', header)]);
}

/** A header that promises 16,000 x 16,000 pixels and 40 bytes in all. */
export const hugePicture = (): Buffer => Buffer.concat([pngHeader(16_000, 16_000), Buffer.alloc(7)]);

/** A complete PNG of 16,000 x 16,000 black pixels: 768 MB from under a megabyte. */
export function zippedPicture(): Buffer {
  const data = deflateSync(Buffer.alloc(16_000 * 3 + 1), { level: 9 });
  return Buffer.concat([pngHeader(16_000, 16_000), ...Array.from({ length: 200 }, () => pngChunk('IDAT', data)), pngChunk('IEND', Buffer.alloc(0))]);
}

/** A small PNG whose text chunk unpacks to 256 MB. */
export function zippedText(): Buffer {
  const picture = Buffer.concat([pngHeader(1, 1), pngChunk('zTXt', Buffer.concat([Buffer.from('bomb\0\0', 'latin1'), deflateSync(Buffer.alloc(256 << 20), { level: 9 })]))]);
  return Buffer.concat([picture, pngChunk('IDAT', deflateSync(Buffer.from([0, 1, 2, 3]))), pngChunk('IEND', Buffer.alloc(0))]);
}

/** A GIF of one pixel whose frames do not end before the file does. */
export function endlessGif(frames = 60_000): Buffer {
  const header = Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00', 'latin1');
  const frame = Buffer.from('!\xf9\x04\x00\x01\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00', 'latin1');
  return Buffer.concat([header, ...Array.from({ length: frames }, () => frame)]);
}

/** An MP4 by name and by its first box, a playlist by what follows. */
export const disguisedPlaylist = (): Buffer => Buffer.concat([Buffer.from('\0\0\0\x18ftypisom\0\0\x02\0isomiso2', 'latin1'), Buffer.from('#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n')]);
export const playlist = (): Buffer => Buffer.from('#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n');
/** A zip archive with one empty entry. */
export const zip = (): Buffer => Buffer.concat([Buffer.from('PK\x03\x04\x14\x00\x00\x00\x08\x00', 'latin1'), Buffer.alloc(200)]);
export const svg = (): Buffer => Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><image href="file:///etc/passwd"/></svg>');

/** The file with a few bytes changed, cut out, doubled or missing at the end: the same damage for the same seed. */
export function damage(file: Buffer, seed: number): Buffer {
  let state = seed * 2_654_435_761 + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  const bytes = Buffer.from(file);
  switch (seed % 5) {
    case 0:
      return bytes.subarray(0, 1 + random(bytes.length - 1));
    case 1: {
      const at = random(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(64)))]);
    }
    case 2: {
      const at = random(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1, at), bytes.subarray(at)]);
    }
    // The header is where the lies live.
    case 3:
      for (let count = 0; count < 8; count++) bytes[random(Math.min(bytes.length, 128))] = random(256);
      return bytes;
    default:
      for (let count = 0; count < 1 + bytes.length / 50; count++) bytes[random(bytes.length)] = random(256);
      return bytes;
  }
}

const CODECS = { h264: FF_ENCODER_LIBX264, mjpeg: FF_ENCODER_MJPEG, vp8: FF_ENCODER_LIBVPX_VP8, vp9: FF_ENCODER_LIBVPX_VP9, aac: FF_ENCODER_AAC, opus: FF_ENCODER_LIBOPUS, vorbis: FF_ENCODER_LIBVORBIS } as const;

/** Samples of a frame that the encoder takes. */
const SOUND_FRAMES = { aac: 1024, opus: 960, vorbis: 64 } as const;

export interface FilmedClip {
  readonly container: 'mp4' | 'mov' | 'webm';
  readonly picture: 'h264' | 'mjpeg' | 'vp8' | 'vp9';
  /** A tone of a second. */
  readonly sound?: 'aac' | 'opus' | 'vorbis';
  /** As a browser records: neither duration nor index, and frames that come now earlier, now later. */
  readonly live?: boolean;
  /** First four numbers of the matrix beside the frames: a, b, c, d. */
  readonly matrix?: Quarter;
}

export type Quarter = readonly [a: number, b: number, c: number, d: number];

/** The eight ways to hold a camera: what EXIF calls them, the matrix that says the same (ISO/IEC 14496-12), and where the corners of {@link cornered} are then seen. */
export const HELD: readonly { readonly exif: number; readonly matrix: Quarter; readonly seen: string; readonly sideways: boolean }[] = [
  { exif: 1, matrix: [1, 0, 0, 1], seen: 'RG BW', sideways: false },
  { exif: 2, matrix: [-1, 0, 0, 1], seen: 'GR WB', sideways: false },
  { exif: 3, matrix: [-1, 0, 0, -1], seen: 'WB GR', sideways: false },
  { exif: 4, matrix: [1, 0, 0, -1], seen: 'BW RG', sideways: false },
  { exif: 5, matrix: [0, 1, 1, 0], seen: 'RB GW', sideways: true },
  { exif: 6, matrix: [0, 1, -1, 0], seen: 'BR WG', sideways: true },
  { exif: 7, matrix: [0, -1, -1, 0], seen: 'WG BR', sideways: true },
  { exif: 8, matrix: [0, -1, 1, 0], seen: 'GW RB', sideways: true },
];

/** The corners of a picture of {@link cornered}, as {@link HELD} writes them. */
export function cornersOf({ width, height, rgb }: { readonly width: number; readonly height: number; readonly rgb: Uint8Array }): string {
  const at = (x: number, y: number): string => {
    const [red, green, blue] = rgb.subarray(3 * (Math.floor(y * height) * width + Math.floor(x * width))) as unknown as readonly [number, number, number];
    if (red > 128) return blue > 128 ? 'W' : 'R';
    return green > 128 ? 'G' : 'B';
  };
  return `${at(0.25, 0.25)}${at(0.75, 0.25)} ${at(0.25, 0.75)}${at(0.75, 0.75)}`;
}

/** A photo of 64 x 48, as the sensor saw it, with what the camera wrote of how it was held. */
export function photo(exif: number, format: 'jpeg' | 'png' | 'webp' = 'jpeg'): Promise<Buffer> {
  return sharp(cornered(64, 48), { raw: { width: 64, height: 48, channels: 3 } }).withMetadata({ orientation: exif })[format]().toBuffer();
}

/** A second of {@link cornered} frames of 64 x 48, 8 of them, as a phone or a browser writes them. */
export async function filmed({ container, picture, sound, live = false, matrix }: FilmedClip): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'cinegraph-filmed-'));
  const [width, height, fps] = [64, 48, 8];
  const video = await Encoder.create(CODECS[picture], { threadCount: 1, context: { ...(!live && { framerate: new Rational(fps, 1) }), ...(picture === 'mjpeg' && { colorRange: AVCOL_RANGE_JPEG }) } });
  const audio = sound === undefined ? undefined : await Encoder.create(CODECS[sound]);
  const muxer = await Muxer.open(join(folder, 'clip'), { format: container, options: { ...(live && { live: '1' }) } });
  const still = rgbToYuv420(cornered(width, height), width, height);
  const frames = Array.from({ length: fps }, (_, index) => Frame.fromVideoBuffer(still, { width, height, format: picture === 'mjpeg' ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P, ...(live ? { timeBase: new Rational(1, 1000), pts: BigInt(index * 125 + ((index * 7) % 5)) } : { timeBase: new Rational(1, fps), pts: BigInt(index) }) }));
  const write = async (encoder: Encoder, track: number, input: AsyncIterable<Frame | null>): Promise<void> => {
    for await (const packet of encoder.packets(input)) {
      await muxer.writePacket(packet, track);
      packet?.free();
    }
  };
  const tracks = [muxer.addStream(video), ...(audio === undefined ? [] : [muxer.addStream(audio)])];
  await write(video, tracks[0] as number, drained(frames));
  if (audio !== undefined && sound !== undefined) await write(audio, tracks[1] as number, drained(tone(SOUND_FRAMES[sound], sound === 'opus')));
  await muxer.close();
  video.close();
  audio?.close();
  const file = await readFile(join(folder, 'clip'));
  await rm(folder, { recursive: true });
  if (matrix !== undefined) writeMatrix(file, matrix);
  return file;
}

/** The clip's matrix is that of its first track. */
function writeMatrix(file: Buffer, [a, b, c, d]: Quarter): void {
  const at = file.indexOf('tkhd', 0, 'latin1') + 44;
  [a, b, 0, c, d, 0].forEach((value, index) => file.writeInt32BE(value * 0x10000, at + index * 4));
}

/** Frees each frame; null at the end makes an encoder give out what it holds back. */
async function* drained(frames: readonly Frame[]): AsyncGenerator<Frame | null, void, undefined> {
  for (const frame of frames) {
    yield frame;
    frame.free();
  }
  yield null;
}

/** A second of 440 Hz, 48 kHz. */
function tone(frameSamples: number, packed: boolean): Frame[] {
  return Array.from({ length: Math.ceil(48_000 / frameSamples) }, (_, index) => {
    const samples = Float32Array.from({ length: frameSamples }, (_sample, i) => 0.5 * Math.sin(((index * frameSamples + i) / 48_000) * 2 * Math.PI * 440));
    return Frame.fromAudioBuffer(Buffer.from(samples.buffer), {
      nbSamples: frameSamples, format: packed ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP, sampleRate: 48_000, channelLayout: AV_CHANNEL_LAYOUT_MONO, timeBase: new Rational(1, 48_000), pts: BigInt(index * frameSamples),
    });
  });
}

/** Red above, left and green, right; below blue and white. */
export function cornered(width: number, height: number): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at++) rgb.set(CORNERS[(at % width < width / 2 ? 0 : 1) + (at < (width * height) / 2 ? 0 : 2)] as readonly number[], at * 3);
  return rgb;
}

const CORNERS = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]] as const;
