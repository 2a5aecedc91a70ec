import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CinegraphError } from '../../../src/errors.ts';
import type { UploadKind } from '../../../src/media/media-kinds.ts';
import { type Media, openMedia } from '../../../src/media/media.ts';
import { Reader } from '../../../src/media/reader.ts';
import { silent } from '../../support/data-stack.ts';
import { avif, bytesOf, damage, disguisedPlaylist, endlessGif, gif, hugePicture, jpeg, mp4, playlist, png, svg, turnedMp4, wav, webp, zip, zippedPicture, zippedText } from '../../support/media-files.ts';

let media: Media;
beforeAll(async () => {
  media = await openMedia({ encoders: 1, log: silent });
});
afterAll(() => media.close());

describe('inspect', () => {
  it.each([
    ['png', png, 'image/png'],
    ['jpeg', jpeg, 'image/jpeg'],
    ['webp', webp, 'image/webp'],
    ['avif', avif, 'image/avif'],
  ])('reads the size of a picture and makes its thumbnail: %s', async (_name, make, contentType) => {
    const seen = await media.inspect(bytesOf(await make(640, 480)), 'IMAGE');
    expect(seen).toMatchObject({ contentType, width: 640, height: 480, fps: null, frameCount: null, durationMs: null });
    expect(await sharp(seen.thumbnail).metadata()).toMatchObject({ format: 'webp', width: 256, height: 192 });
    expect(Buffer.from(seen.thumbhash, 'base64').length).toBeGreaterThan(10);
  });

  it('counts the orientation that a camera wrote', async () => {
    const turned = await sharp(await jpeg(64, 32)).withMetadata({ orientation: 6 }).toBuffer();
    expect(await media.inspect(bytesOf(turned), 'MASK')).toMatchObject({ width: 32, height: 64 });
  });

  it('reads a clip', async () => {
    const seen = await media.inspect(bytesOf(await mp4(17, 64, 48, 8)), 'VIDEO');
    expect(seen).toMatchObject({ contentType: 'video/mp4', width: 64, height: 48, fps: 8, frameCount: 17, durationMs: 2125, hasAudio: false });
    expect(await sharp(seen.thumbnail).metadata()).toMatchObject({ format: 'webp', width: 64, height: 48 });
  });

  it('sees a clip as the phone was held that filmed it, in every form', async () => {
    const clip = await turnedMp4(9, 64, 48);
    expect(await media.inspect(bytesOf(clip), 'VIDEO')).toMatchObject({ width: 48, height: 64 });
    const webm = await media.convert(bytesOf(clip), 'webm');
    expect(await media.inspect(bytesOf(webm.bytes), 'VIDEO')).toMatchObject({ width: 48, height: 64 });
    const dubbed = await media.addSound(bytesOf(clip), bytesOf(wav(1)));
    expect(await media.inspect(bytesOf(dubbed), 'VIDEO')).toMatchObject({ width: 48, height: 64, hasAudio: true });
    const { frames, sourceWidth, sourceHeight } = await media.decodeInput(bytesOf(clip), { width: 24, height: 32, fps: 8, maxFrames: 9, fit: 'crop' });
    expect([sourceWidth, sourceHeight]).toEqual([48, 64]);
    const blue = (row: number) => frames[0]?.rgb[(row * 24 + 12) * 3 + 2] ?? 0;
    expect([blue(4) > 200, blue(27) < 100], 'its left half, which is white, is on top').toEqual([true, true]);
  });

  it('reads a WebM with sound', async () => {
    const webm = await media.convert(bytesOf(await media.addSound(bytesOf(await mp4(16, 64, 48, 8)), bytesOf(wav(2)))), 'webm');
    expect(await media.inspect(bytesOf(webm.bytes), 'VIDEO')).toMatchObject({ contentType: 'video/webm', width: 64, height: 48, frameCount: 16, fps: 8, hasAudio: true });
    const { samples } = await media.decodeSound(bytesOf(webm.bytes), { sampleRateHz: 16_000, maxMs: 60_000 });
    expect(Math.abs(samples.length / 16_000 - 2), 'seconds').toBeLessThan(0.1);
    expect(samples.slice(8000, 16_000).reduce((most, sample) => Math.max(most, sample), 0)).toBeCloseTo(16_000 / 32_768, 1);
  });

  it('counts the frames of a clip that is longer than what it decodes', async () => {
    expect(await media.inspect(bytesOf(await mp4(200, 32, 32, 25)), 'VIDEO')).toMatchObject({ frameCount: 200, fps: 25, durationMs: 8000 });
  });

  it('takes a GIF for a clip', async () => {
    expect(await media.inspect(bytesOf(await gif(5)), 'VIDEO')).toMatchObject({ contentType: 'image/gif', width: 32, height: 24, frameCount: 5, fps: 10 });
  });

  it('reads a sound and draws its waveform', async () => {
    const seen = await media.inspect(bytesOf(wav(1.5, 24_000, 2)), 'AUDIO');
    expect(seen).toMatchObject({ contentType: 'audio/wav', durationMs: 1500, sampleRateHz: 24_000, channels: 2, width: null });
    const { data, info } = await sharp(seen.thumbnail).raw().toBuffer({ resolveWithObject: true });
    // A tone of half the full scale fills the middle half of the picture.
    const opaque = (y: number): boolean => (data[(y * info.width + 256) * 4 + 3] ?? 0) > 0;
    expect([opaque(5), opaque(30), opaque(66), opaque(90)]).toEqual([false, true, true, false]);
  });
});

describe('decodeInput', () => {
  const size = { width: 32, height: 32, fps: 8, maxFrames: 17 };

  it('gives a picture as one frame, cropped or padded, and says which', async () => {
    const picture = bytesOf(await png(64, 32));
    const cropped = await media.decodeInput(picture, { ...size, fit: 'crop' });
    expect(cropped).toMatchObject({ fitted: 'crop', sourceWidth: 64, sourceHeight: 32, truncated: false });
    expect(cropped.frames).toHaveLength(1);
    expect(cropped.frames[0]?.rgb).toHaveLength(32 * 32 * 3);
    const padded = await media.decodeInput(picture, { ...size, fit: 'pad' });
    expect([padded.fitted, ...(padded.frames[0]?.rgb.subarray(0, 3) ?? [])], 'black bars').toEqual(['pad', 0, 0, 0]);
    expect([...(cropped.frames[0]?.rgb.subarray(0, 3) ?? [])], 'the left half is white').toEqual([255, 255, 255]);
    expect((await media.decodeInput(bytesOf(await png(64, 64)), { ...size, fit: 'crop' })).fitted).toBeNull();
  });

  it('gives the frames of a clip at its own rate one by one, at another resampled', async () => {
    const clip = bytesOf(await mp4(17, 64, 64, 8));
    const same = await media.decodeInput(clip, { ...size, fit: 'crop' });
    expect([same.frames.length, same.fitted, same.truncated]).toEqual([17, null, false]);
    const greens = same.frames.map(({ rgb }) => rgb[(16 * 32 + 28) * 3 + 1] ?? 0);
    for (const [time, green] of greens.entries()) expect(Math.abs(green - ((time * 16) % 256)), `frame ${time}`).toBeLessThan(24);
    expect((await media.decodeInput(clip, { ...size, fps: 4, fit: 'crop' })).frames.length).toBeCloseTo(9, -1);
    const some = await media.decodeInput(clip, { ...size, maxFrames: 5, fit: 'crop' });
    expect([some.frames.length, some.truncated]).toEqual([5, true]);
    const late = await media.decodeInput(clip, { ...size, fromMs: 1000, fit: 'crop' });
    expect([late.frames.length, Buffer.compare(late.frames[0]?.rgb ?? Buffer.alloc(0), same.frames[8]?.rgb ?? Buffer.alloc(0))]).toEqual([9, 0]);
    await expect(media.decodeInput(clip, { ...size, fromMs: 60_000, fit: 'crop' })).rejects.toMatchObject({ code: 'MEDIA_CORRUPT' });
  });

  it('gives a sound as mono samples of 16 kHz', async () => {
    const sound = await media.decodeSound(bytesOf(wav(1, 24_000, 2)), { sampleRateHz: 16_000, maxMs: 60_000 });
    expect([sound.sampleRateHz, sound.samples.length, sound.truncated]).toEqual([16_000, 16_000, false]);
    expect(sound.samples.slice(4000, 8000).reduce((most, sample) => Math.max(most, sample), 0)).toBeCloseTo(16_000 / 32_768, 1);
    const part = await media.decodeSound(bytesOf(wav(1)), { sampleRateHz: 16_000, maxMs: 250 });
    expect([part.samples.length, part.truncated]).toEqual([4000, true]);
    await expect(media.decodeSound(bytesOf(await mp4(3)), { sampleRateHz: 16_000, maxMs: 1000 })).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
  });
});

describe('hostile files', () => {
  it.each<[string, () => Buffer | Promise<Buffer>, UploadKind, string]>([
    ['a picture of 16,000 x 16,000 in 40 bytes', hugePicture, 'IMAGE', 'MEDIA_TOO_LARGE'],
    ['a zip bomb of pixels', zippedPicture, 'IMAGE', 'MEDIA_TOO_LARGE'],
    ['a GIF without an end', endlessGif, 'VIDEO', 'MEDIA_TOO_LARGE'],
    ['a playlist', playlist, 'VIDEO', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a playlist behind the first box of an MP4', disguisedPlaylist, 'VIDEO', 'MEDIA_CORRUPT'],
    ['an archive', zip, 'IMAGE', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['an SVG', svg, 'IMAGE', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a picture as a clip', png, 'VIDEO', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a clip as a picture', mp4, 'IMAGE', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a GIF as a picture', gif, 'IMAGE', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a sound of an hour', () => wav(3600, 2000), 'AUDIO', 'MEDIA_TOO_LARGE'],
    ['nothing at all', () => Buffer.alloc(0), 'IMAGE', 'MEDIA_TYPE_NOT_SUPPORTED'],
    ['a header alone', async () => (await mp4()).subarray(0, 40), 'VIDEO', 'MEDIA_CORRUPT'],
    ['half a picture', async () => (await png(256, 256)).subarray(0, 300), 'IMAGE', 'MEDIA_CORRUPT'],
  ])('%s', async (_name, make, kind, code) => {
    await expect(media.inspect(bytesOf(await make()), kind)).rejects.toMatchObject({ code });
  });

  it('a text that unpacks to 256 MB costs nobody anything', async () => {
    await media.inspect(bytesOf(zippedText()), 'IMAGE').catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^MEDIA_/) }));
    expect(await media.inspect(bytesOf(await png()), 'IMAGE')).toMatchObject({ width: 64 });
  });
});

describe('damaged files', () => {
  it.each<[UploadKind, () => Promise<Buffer[]>]>([
    ['IMAGE', () => Promise.all([png(), jpeg(), webp(), avif()])],
    ['VIDEO', () => Promise.all([mp4(), gif()])],
    ['AUDIO', async () => [wav(0.5)]],
  ])('300 of kind %s: each is read or refused, by a process that lives on', async (kind, make) => {
    const files = await make();
    const codes = new Map<string, number>();
    for (let seed = 0; seed < 300; seed++) {
      const file = files[seed % files.length] ?? Buffer.alloc(0);
      const code = await media.inspect(bytesOf(damage(file, seed)), kind).then(() => 'read', (error: unknown) => (error instanceof CinegraphError ? error.code : String(error)));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect([...codes.keys()].filter(code => !['read', 'MEDIA_CORRUPT', 'MEDIA_TOO_LARGE', 'MEDIA_TYPE_NOT_SUPPORTED'].includes(code))).toEqual([]);
    expect(codes.size, 'some are refused, some can still be read').toBeGreaterThan(1);
  }, 300_000);
});

/** Whether a process has one of the files open that are handed to readers. */
function readsFile(pid: number): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).includes('cinegraph-read-');
    } catch {
      return false; // Closed meanwhile.
    }
  });
}

describe('the reader process', () => {
  it('is killed at the deadline; the next file has another', async () => {
    const reader = new Reader({ size: 1, log: silent, deadlineMs: 1 });
    await expect(reader.inspect(bytesOf(await mp4(60)), 'VIDEO')).rejects.toMatchObject({ code: 'MEDIA_TIMEOUT' });
    await expect(reader.inspect(bytesOf(await mp4(60)), 'VIDEO')).rejects.toMatchObject({ code: 'MEDIA_TIMEOUT' });
    await reader.close();
  });

  it('takes only its own file along when it dies, and lets only so many wait', async () => {
    const reader = new Reader({ size: 1, log: silent });
    const clip = bytesOf(await mp4(120, 256, 256));
    await reader.inspect(clip, 'VIDEO');
    const all = Array.from({ length: 40 }, () => reader.inspect(clip, 'VIDEO').then(() => 'read', (error: CinegraphError) => error.code));
    const pid = reader.pids[0] ?? 0;
    while (!readsFile(pid)) await setImmediate();
    process.kill(pid, 'SIGKILL');
    const codes = await Promise.all(all);
    expect(codes.filter(code => code === 'MEDIA_CORRUPT').length).toBe(1);
    expect(codes.filter(code => code === 'MEDIA_BUSY').length).toBeGreaterThan(0);
    expect(codes.filter(code => code === 'read').length).toBeGreaterThan(30);
    await reader.close();
  });
});
