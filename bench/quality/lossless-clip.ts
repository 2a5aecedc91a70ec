/** A clip as an MP4 that loses nothing, so that what an upload costs is not taken for what the model cannot do. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Encoder, Muxer } from 'node-av/api';
import { AV_LOG_ERROR, AV_PIX_FMT_RGB24, FF_ENCODER_LIBX264RGB } from 'node-av/constants';
import { Frame, Log, Rational } from 'node-av/lib';
import type { RgbFrame } from '../../src/media/clip.ts';

/** H.264 in RGB with a quantizer of 0. */
export async function losslessClip(frames: readonly RgbFrame[], fps: number): Promise<Buffer> {
  Log.setLevel(AV_LOG_ERROR);
  const folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-lossless-'));
  try {
    const file = path.join(folder, 'clip.mp4');
    const encoder = await Encoder.create(FF_ENCODER_LIBX264RGB, { threadCount: 1, options: { preset: 'fast', qp: 0 }, context: { framerate: new Rational(fps, 1) } });
    const muxer = await Muxer.open(file, { format: 'mp4', options: { movflags: '+faststart' } });
    try {
      const stream = muxer.addStream(encoder);
      for await (const packet of encoder.packets(avFrames(frames, fps))) {
        await muxer.writePacket(packet, stream);
        packet?.free();
      }
    } finally {
      await muxer.close();
      encoder.close();
    }
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Then null, which drains the encoder. */
async function* avFrames(frames: readonly RgbFrame[], fps: number): AsyncGenerator<Frame | null, void, undefined> {
  for (const [index, { rgb, width, height }] of frames.entries()) {
    const frame = Frame.fromVideoBuffer(Buffer.from(rgb), { width, height, format: AV_PIX_FMT_RGB24, timeBase: new Rational(1, fps), pts: BigInt(index) });
    frame.duration = 1n;
    try {
      yield frame;
    } finally {
      frame.free();
    }
  }
  yield null;
}
