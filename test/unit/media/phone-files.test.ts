import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Media, openMedia } from '../../../src/media/media.ts';
import { silent } from '../../support/data-stack.ts';
import { bytesOf, cornersOf, type FilmedClip, filmed, HELD, photo, wav } from '../../support/media-files.ts';

let media: Media;
beforeAll(async () => {
  media = await openMedia({ encoders: 1, log: silent });
});
afterAll(() => media.close());

const seenIn = async (picture: Uint8Array): Promise<string> => {
  const { data, info } = await sharp(picture, { page: 0 }).flatten({ background: '#000' }).raw().toBuffer({ resolveWithObject: true });
  return cornersOf({ width: info.width, height: info.height, rgb: data });
};
/** What a task is given of it. */
const given = async (bytes: Buffer, { width, height }: { readonly width: number; readonly height: number }): Promise<string> => {
  const { frames, fitted } = await media.decodeInput(bytesOf(bytes), { width, height, fps: 8, maxFrames: 9, fit: 'crop' });
  expect(fitted).toBeNull();
  return cornersOf(frames[0] ?? { width: 0, height: 0, rgb: new Uint8Array() });
};

describe.each(HELD)('a camera held as EXIF $exif', ({ exif, matrix, seen, sideways }) => {
  const size = sideways ? { width: 48, height: 64 } : { width: 64, height: 48 };

  it.each(['jpeg', 'png', 'webp'] as const)('a photo stands upright: %s', async (format) => {
    const bytes = await photo(exif, format);
    const { thumbnail, ...asset } = await media.inspect(bytesOf(bytes), 'IMAGE');
    expect(asset).toMatchObject(size);
    expect([await seenIn(thumbnail), await given(bytes, size)]).toEqual([seen, seen]);
  });

  it.each<FilmedClip>([{ container: 'mp4', picture: 'h264' }, { container: 'mov', picture: 'h264', sound: 'aac' }, { container: 'mov', picture: 'mjpeg' }])('a clip does, in every form: $container of $picture', async (clip) => {
    const bytes = await filmed({ ...clip, matrix });
    const { thumbnail, ...asset } = await media.inspect(bytesOf(bytes), 'VIDEO');
    expect(asset).toMatchObject({ ...size, frameCount: 8, fps: 8 });
    expect([await seenIn(thumbnail), await given(bytes, size)]).toEqual([seen, seen]);
    const dubbed = await media.addSound(bytesOf(bytes), bytesOf(wav(1)));
    expect(await media.inspect(bytesOf(dubbed), 'VIDEO')).toMatchObject({ ...size, hasAudio: true });
    expect(await given(dubbed, size)).toBe(seen);
    const { bytes: webp } = await media.convert(bytesOf(bytes), 'webp');
    expect(await seenIn(webp)).toBe(seen);
  });
});

describe('a clip with sound', () => {
  it.each<[string, FilmedClip, string]>([
    ['MOV of H.264 and AAC', { container: 'mov', picture: 'h264', sound: 'aac' }, 'video/quicktime'],
    ['WebM of VP8 and Vorbis', { container: 'webm', picture: 'vp8', sound: 'vorbis' }, 'video/webm'],
    ['WebM of VP9 and Opus', { container: 'webm', picture: 'vp9', sound: 'opus' }, 'video/webm'],
    ['a browser\'s recording, without a duration', { container: 'webm', picture: 'vp8', sound: 'opus', live: true }, 'video/webm'],
  ])('is taken with both: %s', async (_what, clip, contentType) => {
    const bytes = await filmed(clip);
    const { durationMs, ...asset } = await media.inspect(bytesOf(bytes), 'VIDEO');
    expect(asset).toMatchObject({ contentType, width: 64, height: 48, fps: expect.closeTo(8, 0), frameCount: 8, hasAudio: true });
    expect(Math.abs((durationMs ?? 0) - 1000)).toBeLessThan(25);
    expect(await given(bytes, { width: 64, height: 48 })).toBe('RG BW');
    const { samples } = await media.decodeSound(bytesOf(bytes), { sampleRateHz: 16_000, maxMs: 60_000 });
    expect(Math.abs(samples.length / 16 - 1000), 'ms').toBeLessThan(25);
    expect(samples.slice(4000, 8000).reduce((most, sample) => Math.max(most, sample), 0)).toBeCloseTo(0.5, 1);
    const dubbed = await media.inspect(bytesOf(await media.addSound(bytesOf(bytes), bytesOf(wav(3)))), 'VIDEO');
    expect(Math.abs((dubbed.durationMs ?? 0) - 1000), 'the sound ends with the clip').toBeLessThan(25);
  });

  it('has the duration that its time stamps say, where nothing else does', async () => {
    const silentClip = await media.inspect(bytesOf(await filmed({ container: 'webm', picture: 'vp9', live: true })), 'VIDEO');
    expect(silentClip).toMatchObject({ frameCount: 8, fps: expect.closeTo(8, 0), durationMs: expect.closeTo(1000, -2) });
  });
});

it.each([
  ['a photo in HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), 'IMAGE', 'save it as JPEG'],
  ['an AVI', Buffer.from('RIFF\0\x01\0\0AVI LIST\0\0\0\0hdrlavih', 'latin1'), 'VIDEO', 'Save the clip as MP4'],
] as const)('%s is refused, with what is allowed', async (_what, head, kind, advice) => {
  const refused = media.inspect(bytesOf(Buffer.concat([head, Buffer.alloc(200)])), kind);
  await expect(refused).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED', message: expect.stringMatching(new RegExp(`allowed: .*image/jpeg.*video/mp4.*video/quicktime.*video/webm.*${advice}`)) });
});
