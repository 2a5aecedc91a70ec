import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { losslessClip } from '../../../bench/quality/lossless-clip.ts';
import { readNpy, writeNpy } from '../../../bench/quality/npy.ts';
import type { RgbFrame } from '../../../src/media/clip.ts';
import { decodeVideo } from '../../../src/media/read-video.ts';

describe('files between the steps of bench/quality', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-npy-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('a clip that is uploaded comes out of the decoder as it went in', async () => {
    const [width, height] = [48, 32];
    // Colours at every place that 4:2:0 and a quantizer would change.
    const frames: RgbFrame[] = Array.from({ length: 5 }, (_, index) => ({ width, height, rgb: Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * 37 + index * 101 + (at * at) / 7) & 255) }));
    const format = { contentType: 'video/mp4', kinds: ['VIDEO'], demuxer: 'mov' } as const;
    const decoded = await decodeVideo(await losslessClip(frames, 8), format, { width, height, fps: 8, maxFrames: 10, fromMs: 0, fit: 'crop' });
    expect(decoded).toMatchObject({ frameCount: 5, fitted: null });
    expect(Buffer.from(decoded.rgb).equals(Buffer.concat(frames.map(({ rgb }) => rgb)))).toBe(true);
  });

  it('an array keeps its shape and bytes', async () => {
    const file = path.join(folder, 'clip.npy');
    const data = Uint8Array.from({ length: 2 * 3 * 4 * 3 }, (_, at) => at * 5);
    await writeNpy(file, { shape: [2, 3, 4, 3], data });
    const read = await readNpy(file);
    expect(read.shape).toEqual([2, 3, 4, 3]);
    expect(Buffer.from(read.data.buffer, read.data.byteOffset, read.data.byteLength).equals(Buffer.from(data))).toBe(true);
  });

  it('samples are no array of bytes', async () => {
    const file = path.join(folder, 'sound.npy');
    await writeNpy(file, { shape: [3], data: Float32Array.of(0, 0.5, -1) });
    await expect(readNpy(file)).rejects.toThrow('is no array of bytes');
  });
});
