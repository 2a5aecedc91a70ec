import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decoder, Demuxer, Encoder, Muxer } from 'node-av/api';
import { AVCOL_PRI_BT709, AVCOL_RANGE_MPEG, AVCOL_SPC_BT709, AVCOL_TRC_BT709, AV_PIX_FMT_YUV420P, FF_ENCODER_LIBX264 } from 'node-av/constants';
import { Frame, Rational } from 'node-av/lib';
import type { ClipInput, ClipProbe } from './clip.ts';
import { rgbToYuv420 } from './yuv.ts';

/**
 * Encodes a clip to MP4 (H.264 by libx264, yuv420p, BT.709, moov box first). Same frames, same bytes: one thread, no time stamps.
 * Runs in an encoder process only. Throws on odd or empty dimensions, no frames, or a fault of FFmpeg.
 */
export async function encodeMp4({ width, height, fps, frameCount, rgb }: ClipInput): Promise<Buffer> {
  if (width % 2 !== 0 || height % 2 !== 0 || frameCount < 1) throw new Error(`cannot encode ${frameCount} frames of ${width}x${height}`);
  const frameBytes = width * height * 3;
  if (rgb.byteLength !== frameBytes * frameCount) throw new Error(`${rgb.byteLength} bytes are not ${frameCount} frames of ${width}x${height}`);
  // The muxer moves the moov box to the front by reading its own output again: that takes a file.
  const folder = await mkdtemp(join(tmpdir(), 'cinegraph-encode-'));
  try {
    const file = join(folder, 'clip.mp4');
    await writeClip(file, frameCount, fps, index => {
      const frame = rgb.subarray(index * frameBytes, (index + 1) * frameBytes);
      const timeBase = new Rational(1, fps);
      return Frame.fromVideoBuffer(rgbToYuv420(frame, width, height), { width, height, format: AV_PIX_FMT_YUV420P, timeBase, pts: BigInt(index) });
    });
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// `using` would say the closing below in a word, but the parser of our layer test does not know it yet.

async function writeClip(file: string, frameCount: number, fps: number, frameAt: (index: number) => Frame): Promise<void> {
  const encoder = await Encoder.create(FF_ENCODER_LIBX264, {
    threadCount: 1,
    options: { preset: 'medium', crf: 18 },
    context: { gopSize: fps * 4, framerate: new Rational(fps, 1), ...BT709 },
  });
  const muxer = await Muxer.open(file, { format: 'mp4', options: { movflags: '+faststart', fflags: '+bitexact' } });
  try {
    const stream = muxer.addStream(encoder);
    for await (const packet of encoder.packets(clipFrames(frameCount, frameAt))) {
      await muxer.writePacket(packet, stream);
      packet?.free();
    }
  } finally {
    await muxer.close(); // Writes the trailer, before the encoder goes.
    encoder.close();
  }
}

const BT709 = { colorRange: AVCOL_RANGE_MPEG, colorSpace: AVCOL_SPC_BT709, colorPrimaries: AVCOL_PRI_BT709, colorTrc: AVCOL_TRC_BT709 } as const;

/** The frames with their tags, then null, which drains the encoder. */
async function* clipFrames(frameCount: number, frameAt: (index: number) => Frame): AsyncGenerator<Frame | null, void, undefined> {
  for (let index = 0; index < frameCount; index++) {
    const frame = Object.assign(frameAt(index), { duration: 1n, ...BT709 });
    try {
      yield frame;
    } finally {
      frame.free();
    }
  }
  yield null;
}

/** Decodes the whole clip and says what it really holds. Throws when not one frame comes out. Runs in an encoder process only. */
export async function probeMp4(bytes: Buffer): Promise<ClipProbe> {
  const input = await Demuxer.open(bytes);
  try {
    const stream = input.video();
    if (stream === undefined) throw new Error('the clip has no video');
    const decoder = await Decoder.create(stream);
    let frameCount = 0;
    let width = 0;
    let height = 0;
    try {
      for await (const frame of decoder.frames(input.packets(stream.index))) {
        if (frame === null) continue;
        frameCount++;
        ({ width, height } = frame);
        frame.free();
      }
    } finally {
      decoder.close();
    }
    if (frameCount === 0) throw new Error('the clip has no frame that can be decoded');
    const rate = stream.avgFrameRate;
    return { width, height, frameCount, fps: rate.num / rate.den, durationMs: Math.round(input.duration * 1000) };
  } finally {
    await input.close();
  }
}
