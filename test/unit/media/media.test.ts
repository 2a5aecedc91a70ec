import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder, Demuxer } from 'node-av/api';
import { AVCOL_SPC_BT709, AV_PIX_FMT_YUV420P } from 'node-av/constants';
import type { RawFrame } from '../../../src/inference/core/generation.ts';
import { EncoderPool } from '../../../src/media/encoder-pool.ts';
import { type Media, openMedia } from '../../../src/media/media.ts';
import { rgbToYuv420 } from '../../../src/media/yuv.ts';
import { silent } from '../../support/data-stack.ts';

/** A disc that crosses a coloured ground. */
function clip(frames: number, width = 128, height = 64): RawFrame[] {
  return Array.from({ length: frames }, (_, time) => {
    const rgb = new Uint8Array(width * height * 3);
    for (let at = 0; at < width * height; at++) {
      const inside = Math.hypot((at % width) - 20 - time * 4, Math.floor(at / width) - 32) < 16;
      rgb.set(inside ? [220, 40, 30] : [60, 80 + (at % width), 160], at * 3);
    }
    return { width, height, rgb };
  });
}

/** Peak signal-to-noise ratio, dB. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (const [index, value] of a.entries()) sum += (value - (b[index] ?? 0)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.length));
}

describe('media', () => {
  let media: Media;
  beforeAll(async () => {
    media = await openMedia({ encoders: 1, log: silent });
  });
  afterAll(() => media.close());

  it('encodes a clip that decodes to the same frames, with the right tags and the moov box first', async () => {
    const frames = clip(17);
    const { bytes, ...rest } = await media.video(frames, 8);
    expect(rest).toMatchObject({ kind: 'VIDEO', width: 128, height: 64, fps: 8, frameCount: 17, durationMs: 2125 });
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    await using input = await Demuxer.open(bytes);
    const stream = input.video();
    if (stream === undefined) throw new Error('no video');
    expect(stream.codecpar.colorSpace).toBe(AVCOL_SPC_BT709);
    expect(stream.avgFrameRate).toMatchObject({ num: 8, den: 1 });
    using decoder = await Decoder.create(stream);
    let index = 0;
    for await (using frame of decoder.frames(input.packets(stream.index))) {
      if (frame === null) continue;
      expect(frame.format).toBe(AV_PIX_FMT_YUV420P);
      expect(psnr(rgbToYuv420(frames[index]?.rgb ?? new Uint8Array(), 128, 64), frame.toBuffer())).toBeGreaterThan(38);
      index++;
    }
    expect(index).toBe(17);
  });

  it('makes the same bytes from the same frames', async () => {
    const [one, two] = [await media.video(clip(9), 8), await media.video(clip(9), 8)];
    expect(one.bytes.equals(two.bytes)).toBe(true);
    expect(one.framesSha256).toBe(two.framesSha256);
    expect((await media.video(clip(8), 8)).framesSha256).not.toBe(one.framesSha256);
  });

  it('keeps every pixel of an image', async () => {
    const [frame] = clip(1);
    if (frame === undefined) throw new Error('no frame');
    const image = await media.image(frame);
    expect(image).toMatchObject({ kind: 'IMAGE', contentType: 'image/png', frameCount: null });
    expect(Buffer.compare(await sharp(image.bytes).raw().toBuffer(), Buffer.from(frame.rgb))).toBe(0);
    expect((await sharp(image.thumbnail ?? undefined).metadata()).format).toBe('webp');
    expect(Buffer.from(image.thumbhash ?? '', 'base64').length).toBeGreaterThan(10);
  });

  it('makes small previews', async () => {
    const [frame] = clip(1);
    if (frame === undefined) throw new Error('no frame');
    const preview = await media.preview(frame);
    expect(preview).toMatchObject({ width: 128, height: 64 });
    expect(preview.webp.byteLength).toBeLessThan(8_192);
  });

  it('converts the primaries as BT.709 says', () => {
    const plane = (r: number, g: number, b: number): number[] => [...rgbToYuv420(Uint8Array.from(Array.from({ length: 4 }, () => [r, g, b]).flat()), 2, 2)].slice(3);
    expect(plane(255, 255, 255)).toEqual([235, 128, 128]);
    expect(plane(0, 0, 0)).toEqual([16, 128, 128]);
    expect(plane(255, 0, 0)).toEqual([63, 102, 240]);
    expect(plane(0, 0, 255)).toEqual([32, 240, 118]);
  });
});

describe('encoder pool', () => {
  const input = (): { width: number; height: number; fps: number; frameCount: number; rgb: Buffer } => ({ width: 128, height: 64, fps: 8, frameCount: 9, rgb: Buffer.concat(clip(9).map(({ rgb }) => rgb)) });

  it('loses only the clip of a process that is killed, and goes on with a fresh one', async () => {
    const pool = new EncoderPool({ size: 1, log: silent });
    await pool.encode(input());
    const [pid] = pool.pids;
    const lost = pool.encode(input());
    process.kill(pid ?? 0, 'SIGKILL');
    await expect(lost).rejects.toMatchObject({ code: 'INTERNAL' });
    expect((await pool.encode(input())).probe.frameCount).toBe(9);
    expect(pool.pids).not.toContain(pid);
    await pool.close();
  });

  it('starts its processes when it is told to, or with the first clip, and none once it is closed', async () => {
    const [told, never] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const pools = [told.promise, never.promise, never.promise].map((warmFrom) => new EncoderPool({ size: 1, log: silent, warmFrom }));
    const [warm, asked, closed] = pools as [EncoderPool, EncoderPool, EncoderPool];
    expect(pools.map(({ pids }) => pids.length)).toEqual([0, 0, 0]);
    told.resolve();
    await expect.poll(() => warm.pids.length).toBe(1);
    expect((await asked.encode(input())).probe.frameCount).toBe(9);
    await closed.close();
    never.resolve();
    await never.promise;
    expect(pools.map(({ pids }) => pids.length)).toEqual([1, 1, 0]);
    await Promise.all([warm.close(), asked.close()]);
  });

  it('kills a process that passes the deadline', async () => {
    const pool = new EncoderPool({ size: 1, log: silent, deadlineMs: 1 });
    await expect(pool.encode(input())).rejects.toMatchObject({ code: 'INTERNAL' });
    await pool.close();
  });

  it('refuses what no codec takes, and lives on', async () => {
    const pool = new EncoderPool({ size: 1, log: silent });
    await expect(pool.encode({ width: 3, height: 2, fps: 8, frameCount: 1, rgb: Buffer.alloc(18) })).rejects.toThrow(/3x2/);
    expect((await pool.encode(input())).probe.frameCount).toBe(9);
    await pool.close();
  });
});
