import { Demuxer } from 'node-av/api';
import { AV_CODEC_ID_AAC, AV_CODEC_ID_H264 } from 'node-av/constants';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Media, openMedia } from '../../../src/media/media.ts';
import { silent } from '../../support/data-stack.ts';
import { bytesOf, gif, mp4, wav } from '../../support/media-files.ts';

let media: Media;
beforeAll(async () => {
  media = await openMedia({ encoders: 1, log: silent });
});
afterAll(() => media.close());

const RATE_HZ = 16_000;
const tone = (seconds: number): Float32Array => Float32Array.from({ length: seconds * RATE_HZ }, (_, i) => 0.5 * Math.sin((i / RATE_HZ) * 2 * Math.PI * 440));
const pcm = (bytes: Uint8Array) => media.decodeSound(bytesOf(bytes), { sampleRateHz: RATE_HZ, maxMs: 60_000 });
const loudness = (samples: Float32Array): number => Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
/** The packets of a file's picture as they are stored. */
async function pictureOf(bytes: Buffer): Promise<Buffer[]> {
  await using input = await Demuxer.open(bytes);
  const packets: Buffer[] = [];
  for await (const packet of input.packets(input.video()?.index)) {
    if (packet?.data) packets.push(Buffer.from(packet.data));
    packet?.free();
  }
  return packets;
}

describe('sound', () => {
  it('is stored as WAV, from which the same samples come back, with a picture of the wave', async () => {
    const samples = tone(1.25);
    const sound = await media.sound(samples, RATE_HZ);
    expect(sound).toMatchObject({ kind: 'AUDIO', contentType: 'audio/wav', durationMs: 1250, sampleRateHz: RATE_HZ, channels: 1, hasAudio: true, width: null });
    const back = (await pcm(sound.bytes)).samples;
    expect(back).toHaveLength(samples.length);
    expect(Math.max(...back.map((sample, i) => Math.abs(sample - (samples[i] as number))))).toBeLessThan(1 / 32_000);
    expect(await sharp(sound.thumbnail ?? undefined).metadata()).toMatchObject({ format: 'webp', width: 512, height: 96 });
  });

  it('clips what is too loud, instead of turning it over', async () => {
    const { samples } = await pcm((await media.sound(Float32Array.of(...new Array<number>(800).fill(1.5), ...new Array<number>(800).fill(-1.5)), RATE_HZ)).bytes);
    expect([samples[100], samples[1500]].map(sample => Math.round((sample as number) * 1000))).toEqual([1000, -1000]);
  });

  it('becomes the sound track of a clip, whose picture is not touched', async () => {
    const clip = await mp4(17, 64, 48, 8);
    const result = await media.addSound(bytesOf(clip), bytesOf((await media.sound(tone(2.125), RATE_HZ)).bytes));
    await using input = await Demuxer.open(result);
    const [video, audio] = [input.video(), input.audio()];
    expect([video?.codecpar.codecId, audio?.codecpar.codecId, audio?.codecpar.sampleRate, input.duration]).toEqual([AV_CODEC_ID_H264, AV_CODEC_ID_AAC, 48_000, 2.125]);
    expect([video?.startTime, audio?.startTime], 'both begin at once').toEqual([0n, 0n]);
    expect(result.indexOf('moov')).toBeLessThan(result.indexOf('mdat'));
    expect(await pictureOf(result)).toEqual(await pictureOf(clip));
    expect(await media.inspect(bytesOf(result), 'VIDEO')).toMatchObject({ frameCount: 17, durationMs: 2125, hasAudio: true });
    const { samples } = await pcm(result);
    expect(samples).toHaveLength(2.125 * RATE_HZ);
    // In step with what went in: another delay would turn the tones against each other.
    const expected = tone(2.125);
    const off = samples.map((sample, i) => sample - (expected[i] as number));
    expect(loudness(off.subarray(1000, 30_000))).toBeLessThan(0.1 * loudness(expected));
  });

  it.each([
    ['longer than the clip: cut', 5, [1, 1]],
    ['shorter: silence after it', 1, [1, 0]],
  ] as const)('may be %s', async (_what, seconds, [first, second]) => {
    const { samples } = await pcm(await media.addSound(bytesOf(await mp4(17, 32, 32, 8)), bytesOf(wav(seconds, 44_100, 2))));
    expect(samples).toHaveLength(2.125 * RATE_HZ);
    expect([samples.subarray(4000, 12_000), samples.subarray(20_000, 32_000)].map(part => (loudness(part) > 0.1 ? 1 : 0))).toEqual([first, second]);
  });

  it('takes the place of the sound that a clip had', async () => {
    const spoken = await media.addSound(bytesOf(await mp4()), bytesOf(wav(2)));
    const muted = await media.addSound(bytesOf(spoken), bytesOf((await media.sound(new Float32Array(RATE_HZ), RATE_HZ)).bytes));
    await using input = await Demuxer.open(muted);
    expect(input.streams).toHaveLength(2);
    expect(loudness((await pcm(muted)).samples)).toBeLessThan(1e-3);
  });

  it('is added to a clip that an MP4 cannot hold as it is', async () => {
    const result = await media.addSound(bytesOf(await gif(5)), bytesOf(wav(2)));
    expect(await media.inspect(bytesOf(result), 'VIDEO')).toMatchObject({ contentType: 'video/mp4', width: 32, height: 24, frameCount: 5, durationMs: 500, hasAudio: true });
  });

  it('gives the same bytes for the same files, and a WebM with its sound', async () => {
    const [clip, sound] = [bytesOf(await mp4(17)), bytesOf(wav(2.125))];
    const [one, two] = [await media.addSound(clip, sound), await media.addSound(clip, sound)];
    expect(one.equals(two)).toBe(true);
    const webm = await media.convert(bytesOf(one), 'webm');
    expect(await media.inspect(bytesOf(webm.bytes), 'VIDEO')).toMatchObject({ contentType: 'video/webm', hasAudio: true });
    expect(loudness((await pcm(webm.bytes as Buffer)).samples)).toBeGreaterThan(0.1);
  });

  it('is refused where there is none, or no clip', async () => {
    await expect(media.addSound(bytesOf(await mp4()), bytesOf(await mp4()))).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
    await expect(media.addSound(bytesOf(wav()), bytesOf(wav()))).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
    await expect(media.addSound(bytesOf(Buffer.from('nothing')), bytesOf(wav()))).rejects.toMatchObject({ code: 'MEDIA_TYPE_NOT_SUPPORTED' });
  });
});
