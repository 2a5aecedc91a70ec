import { Decoder, Demuxer } from 'node-av/api';
import { AV_NOPTS_VALUE, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import type { Frame, Packet, Stream } from 'node-av/lib';
import type { MediaFormat } from './media-kinds.ts';
import { LIMITS } from './media-limits.ts';
import { Refused } from './reader-messages.ts';

/**
 * Opens a file of strangers for FFmpeg, in a reader process only: from memory (no protocol, so nothing else can be opened), by the one
 * demuxer that its first bytes name (no probing: a playlist is never taken for a clip), first without looking into its streams, so that
 * a header that promises too much is refused before anything is decoded. Throws {@link Refused}.
 */
export async function withInput<T>(bytes: Buffer, format: MediaFormat, use: (input: Demuxer) => Promise<T>): Promise<T> {
  for (const skipStreamInfo of [true, false]) {
    const input = await Demuxer.open(bytes, { format: format.demuxer ?? '', skipStreamInfo, options: { protocol_whitelist: '' } }).catch((cause: unknown) => {
      throw new Refused('MEDIA_CORRUPT', 'The file cannot be opened: its header is damaged.', { cause });
    });
    try {
      checkStreams(input);
      if (!skipStreamInfo) return await use(input);
    } finally {
      await input.close();
    }
  }
  throw new Error('unreachable');
}

function checkStreams(input: Demuxer): void {
  if (input.streams.length === 0) throw new Refused('MEDIA_CORRUPT', 'The file has neither picture nor sound.');
  if (input.streams.length > LIMITS.streams) throw new Refused('MEDIA_TOO_LARGE', `The file has ${input.streams.length} streams; up to ${LIMITS.streams} are allowed.`);
  for (const { codecpar } of input.streams) if (codecpar.codecType === AVMEDIA_TYPE_VIDEO) checkPixels(codecpar.width, codecpar.height, LIMITS.framePixels);
  checkDuration(input.duration * 1000);
}

/** Throws MEDIA_TOO_LARGE. width and height in pixels; 0 when not known yet. */
export function checkPixels(width: number, height: number, most: number): void {
  if (width * height > most) throw new Refused('MEDIA_TOO_LARGE', `A picture of ${width} x ${height} has ${width * height} pixels; up to ${most} are allowed.`);
}

/** Throws MEDIA_TOO_LARGE. */
export function checkDuration(ms: number): void {
  if (ms > LIMITS.durationMs) throw new Refused('MEDIA_TOO_LARGE', `The file lasts ${Math.round(ms / 1000)} s; up to ${LIMITS.durationMs / 1000} s are allowed.`);
}

/** Counts of what was read so far. Mutated by {@link packetsOf}. */
export interface Meter {
  packets: number;
  /** Packets of the stream: for a clip, its frames. */
  ofStream: number;
  /** When the first and the last of them are shown, seconds; undefined before one has said so. */
  from?: number;
  to?: number;
  /** Set it to true to read on without decoding. */
  enough: boolean;
}

/** The packets of one stream, then null; what belongs to other streams is counted and dropped. Throws MEDIA_TOO_LARGE. */
export async function* packetsOf(input: Demuxer, stream: Stream, meter: Meter): AsyncGenerator<Packet | null, void, undefined> {
  for await (const packet of input.packets()) {
    if (packet === null) break;
    const wanted = packet.streamIndex === stream.index;
    meter.packets++;
    if (wanted) note(meter, stream, packet);
    const tooMany = meter.packets > LIMITS.packets || (stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO && meter.ofStream > LIMITS.frames);
    if (wanted && !meter.enough && !tooMany) yield packet;
    else packet.free();
    if (tooMany) throw new Refused('MEDIA_TOO_LARGE', `The file has too many frames or packets; up to ${LIMITS.frames} frames and ${LIMITS.packets} packets are allowed.`);
  }
  yield null;
}

function note(meter: Meter, { timeBase }: Stream, { pts }: Packet): void {
  meter.ofStream++;
  if (pts === AV_NOPTS_VALUE) return;
  const at = (Number(pts) * timeBase.num) / timeBase.den;
  meter.from = Math.min(at, meter.from ?? at);
  meter.to = Math.max(at, meter.to ?? at);
}

/** Seconds from the first frame to the end of the last one, which lasts as long as the others do; 0 when nobody knows. For a file that does not say itself: what a browser records has no end yet when its header is written. */
export function measuredSeconds({ ofStream, from = 0, to = 0 }: Meter): number {
  return ofStream < 2 ? 0 : ((to - from) * ofStream) / (ofStream - 1);
}

/** The frames that the stream's packets hold. A damaged packet is passed over. The consumer frees each frame. */
export async function* framesOf(stream: Stream, packets: AsyncIterable<Packet | null>): AsyncGenerator<Frame, void, undefined> {
  const decoder = await Decoder.create(stream, { exitOnError: false, threadCount: 1, options: { max_pixels: String(LIMITS.framePixels) } });
  try {
    for await (const frame of decoder.frames(packets)) if (frame !== null) yield frame;
  } finally {
    decoder.close();
  }
}
