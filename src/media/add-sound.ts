import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Demuxer, Encoder, FilterAPI, Muxer } from 'node-av/api';
import { AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, AV_CODEC_ID_AV1, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9, AV_SAMPLE_FMT_FLTP, FF_ENCODER_AAC, FF_ENCODER_LIBX264 } from 'node-av/constants';
import { Frame, type Packet, Rational, type Stream } from 'node-av/lib';
import { framesOf, packetsOf, withInput, type Meter } from './caged-input.ts';
import type { MediaFormat } from './media-kinds.ts';
import { inspectVideo, videoOf, withEnd } from './read-video.ts';
import { Refused } from './reader-messages.ts';
import { uprightOf } from './upright.ts';

export interface TrackFile {
  readonly bytes: Buffer;
  readonly format: MediaFormat;
}

/** What players take in an MP4. */
const COPIED: ReadonlySet<number> = new Set([AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_AV1, AV_CODEC_ID_VP9]);
const RATE_HZ = 48_000;
/** Samples of an AAC frame. */
const FRAME_SAMPLES = 1024;

/** Packets of one track, null when it has ended, and how its time stamps count. */
interface Track {
  readonly index: number;
  readonly packets: AsyncIterator<Packet | null, void, undefined>;
  readonly secondsOf: (packet: Packet) => number;
}

/**
 * A clip with another sound track: MP4 with AAC at 48 kHz, moov box first. The picture is copied packet by packet where an MP4 can hold it, else
 * encoded again (H.264). The sound is cut to the clip's length, or followed by silence. Same files, same bytes. Runs in a reader process only. Throws {@link Refused}.
 */
export async function addSound(clip: TrackFile, sound: TrackFile): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'cinegraph-sound-'));
  try {
    const file = join(folder, 'clip.mp4');
    await withInput(clip.bytes, clip.format, async picture => {
      const seconds = picture.duration > 0 ? picture.duration : ((await inspectVideo(clip.bytes, clip.format)).durationMs ?? 0) / 1000;
      await withInput(sound.bytes, sound.format, track => writeClip(file, picture, track, seconds));
    });
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeClip(file: string, picture: Demuxer, sound: Demuxer, seconds: number): Promise<void> {
  const [video, audio] = [videoOf(picture), sound.audio()];
  if (audio === undefined) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', 'The file has no sound track.');
  const copied = COPIED.has(video.codecpar.codecId);
  const channels = audio.codecpar.channels > 1 ? 2 : 1;
  const samples = Math.round(seconds * RATE_HZ);
  const muxer = await Muxer.open(file, { format: 'mp4', options: { movflags: '+faststart', fflags: '+bitexact' } });
  const h264 = copied ? undefined : await Encoder.create(FF_ENCODER_LIBX264, { threadCount: 1, options: { preset: 'medium', crf: 18 }, context: { framerate: rateOf(video) } });
  const aac = await Encoder.create(FF_ENCODER_AAC, { threadCount: 1, context: { bitRate: 64_000n * BigInt(channels) } });
  const [scale, resample] = [
    FilterAPI.create(`${uprightOf(video).filter}scale=trunc(iw/2)*2:trunc(ih/2)*2:out_color_matrix=bt709:out_range=tv,format=yuv420p`, { threads: 1 }),
    FilterAPI.create(`aresample=${RATE_HZ},aformat=sample_fmts=flt:channel_layouts=${channels === 2 ? 'stereo' : 'mono'}`, { threads: 1 }),
  ];
  try {
    const pictures = packetsOf(picture, video, meter());
    const track = packetsOf(sound, audio, meter());
    await interleave(muxer, [
      h264 === undefined
        ? { index: muxer.addStream(video), packets: pictures, secondsOf: clock(video.timeBase) }
        : { index: muxer.addStream(h264), packets: h264.packets(scale.frames(withEnd(framesOf(video, pictures)))), secondsOf: packet => clock(packet.timeBase)(packet) },
      {
        index: muxer.addStream(aac),
        packets: trimmed(aac.packets(fittedFrames(resample.frames(withEnd(framesOf(audio, track))), samples, channels)), samples),
        secondsOf: clock({ num: 1, den: RATE_HZ }),
      },
    ]);
  } finally {
    await muxer.close(); // Writes the trailer, before the encoders go.
    for (const each of [h264, aac, scale, resample]) each?.close();
  }
}

/** One packet at a time, the earliest first: two tracks that are written side by side come in another order every time. */
async function interleave(muxer: Muxer, tracks: readonly Track[]): Promise<void> {
  const heads = await Promise.all(tracks.map(async track => ({ track, next: await track.packets.next() })));
  for (;;) {
    const open = heads.filter(({ next }) => next.done !== true);
    const [earliest] = open.toSorted((a, b) => timeOf(a) - timeOf(b));
    if (earliest === undefined) return;
    const packet = earliest.next.value ?? null;
    await muxer.writePacket(packet, earliest.track.index);
    packet?.free();
    earliest.next = await earliest.track.packets.next();
  }
}

/** The end of a track comes when the other has nothing earlier left. */
function timeOf({ track, next }: { readonly track: Track; readonly next: IteratorResult<Packet | null, void> }): number {
  return next.value == null ? Infinity : track.secondsOf(next.value);
}

function clock({ num, den }: { readonly num: number; readonly den: number }): (packet: Packet) => number {
  return packet => (Number(packet.dts) * num) / den;
}

/**
 * Frames of {@link FRAME_SAMPLES} samples, as many as hold `total`: what comes after that is left out, what is missing is silence. Then null.
 * The last frame is whole, too: node-av loses one that is not.
 */
async function* fittedFrames(frames: AsyncIterable<Frame | null>, total: number, channels: number): AsyncGenerator<Frame | null, void, undefined> {
  const frameBytes = FRAME_SAMPLES * 4 * channels;
  const count = Math.ceil(total / FRAME_SAMPLES);
  const frameAt = (samples: Buffer, missing: number): Frame => audioFrame(samples.subarray(0, frameBytes), channels, (count - missing) * FRAME_SAMPLES);
  let held = Buffer.alloc(0);
  let left = count;
  for await (const frame of frames) {
    if (frame === null) continue;
    held = Buffer.concat([held, frame.toBuffer()]);
    frame.free();
    for (; left > 0 && held.length >= frameBytes; left -= 1, held = held.subarray(frameBytes)) yield frameAt(held, left);
    if (left === 0) break;
  }
  for (; left > 0; left -= 1, held = Buffer.alloc(0)) yield frameAt(Buffer.concat([held, Buffer.alloc(frameBytes)]), left);
  yield null;
}

/** The last packet lasts no longer than the sound: the file's duration is the clip's. */
async function* trimmed(packets: AsyncIterable<Packet | null>, total: number): AsyncGenerator<Packet | null, void, undefined> {
  for await (const packet of packets) {
    const left = packet === null ? 0n : BigInt(total) - packet.pts;
    if (packet !== null && packet.duration > left) packet.duration = left;
    yield packet;
  }
}

/** One frame from float32 samples, interleaved. */
function audioFrame(samples: Buffer, channels: number, at: number): Frame {
  // The encoder takes planes.
  const planes = Buffer.alloc(samples.length);
  for (let i = 0; i < FRAME_SAMPLES; i++) {
    for (let channel = 0; channel < channels; channel++) samples.copy(planes, 4 * (channel * FRAME_SAMPLES + i), 4 * (i * channels + channel), 4 * (i * channels + channel + 1));
  }
  return Frame.fromAudioBuffer(planes, {
    nbSamples: FRAME_SAMPLES, format: AV_SAMPLE_FMT_FLTP, sampleRate: RATE_HZ, channelLayout: channels === 2 ? AV_CHANNEL_LAYOUT_STEREO : AV_CHANNEL_LAYOUT_MONO, timeBase: new Rational(1, RATE_HZ), pts: BigInt(at),
  });
}

function rateOf({ avgFrameRate: { num, den } }: Stream): Rational {
  return num > 0 && den > 0 ? new Rational(num, den) : new Rational(25, 1);
}

const meter = (): Meter => ({ packets: 0, ofStream: 0, enough: false });
