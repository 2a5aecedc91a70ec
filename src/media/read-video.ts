import { FilterAPI, type Demuxer } from 'node-av/api';
import type { Frame, Stream } from 'node-av/lib';
import { checkDuration, framesOf, measuredSeconds, type Meter, packetsOf, withInput } from './caged-input.ts';
import type { RgbFrame } from './clip.ts';
import type { MediaFormat } from './media-kinds.ts';
import { FRAMES_DECODED_AT_UPLOAD, RAW_BYTES } from './media-limits.ts';
import { type DecodedFrames, type Fit, Refused, type Inspected } from './reader-messages.ts';
import { encodeThumbnail, thumbhash } from './still.ts';
import { uprightOf } from './upright.ts';

/** Longest side of the stills that are kept while a clip is looked at, pixels. */
const STILL_SIDE = 256;

export interface FrameWish {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly maxFrames: number;
  readonly fromMs: number;
  readonly fit: Fit;
}

/** Decodes the first frames, counts the rest, and makes a still. width and height as people see it: the camera's orientation is applied. Throws {@link Refused}. */
export function inspectVideo(bytes: Buffer, format: MediaFormat): Promise<Inspected> {
  return withInput(bytes, format, async input => {
    const stream = videoOf(input);
    const meter: Meter = { packets: 0, ofStream: 0, enough: false };
    const stills: RgbFrame[] = [];
    const { filter, sideways } = uprightOf(stream);
    let [width, height] = [0, 0];
    const frames = tap(framesOf(stream, packetsOf(input, stream, meter)), frame => ([width, height] = sideways ? [frame.height, frame.width] : [frame.width, frame.height]));
    for await (const still of rgbFrames(frames, `${filter}scale=w='min(${STILL_SIDE},iw)':h='min(${STILL_SIDE},ih)':force_original_aspect_ratio=decrease:force_divisible_by=1,format=rgb24`)) {
      stills.push(still);
      meter.enough = stills.length >= FRAMES_DECODED_AT_UPLOAD;
    }
    const middle = stills[stills.length >> 1];
    if (middle === undefined) throw new Refused('MEDIA_CORRUPT', 'Not one frame of the clip can be decoded.');
    const frameCount = meter.enough ? Math.max(meter.ofStream, stills.length) : stills.length;
    const seconds = input.duration > 0 ? input.duration : measuredSeconds(meter);
    const fps = rateOf(stream, frameCount, seconds);
    const durationMs = Math.round((seconds > 0 ? seconds : frameCount / fps) * 1000);
    checkDuration(durationMs);
    return {
      contentType: format.contentType, width, height, fps, frameCount, durationMs, hasAudio: input.audio() !== undefined,
      sampleRateHz: null, channels: null, thumbnail: await encodeThumbnail(middle), thumbhash: await thumbhash(middle),
    };
  });
}

/** RGB frames of the wished size and rate, as many as are wished and as fit into {@link RAW_BYTES}. Throws {@link Refused}. */
export function decodeVideo(bytes: Buffer, format: MediaFormat, { width, height, fps, maxFrames, fromMs, fit }: FrameWish): Promise<DecodedFrames> {
  return withInput(bytes, format, async input => {
    const stream = videoOf(input);
    const most = Math.min(maxFrames, Math.floor(RAW_BYTES / (width * height * 3)));
    const skip = Math.round((fromMs / 1000) * fps);
    const meter: Meter = { packets: 0, ofStream: 0, enough: false };
    const { filter, sideways } = uprightOf(stream);
    let source: { readonly width: number; readonly height: number } | undefined;
    const frames = tap(framesOf(stream, packetsOf(input, stream, meter)), frame => (source ??= sideways ? { width: frame.height, height: frame.width } : { width: frame.width, height: frame.height }));
    const kept: Uint8Array[] = [];
    let index = 0;
    let truncated = false;
    for await (const frame of rgbFrames(frames, `${filter}fps=${fps},${fitFilter(width, height, fit)},format=rgb24`)) {
      if (index++ < skip) continue;
      truncated = kept.length === most;
      if (truncated) break;
      kept.push(frame.rgb);
    }
    if (kept.length === 0 || source === undefined) throw new Refused('MEDIA_CORRUPT', index > 0 ? `The clip has no frame at ${fromMs} ms.` : 'Not one frame of the clip can be decoded.');
    const sameShape = source.width * height === source.height * width;
    return { width, height, frameCount: kept.length, rgb: Buffer.concat(kept), fitted: sameShape ? null : fit, sourceWidth: source.width, sourceHeight: source.height, truncated };
  });
}

/** A filter's output frames as RGB. Its description must end in rgb24. */
async function* rgbFrames(frames: AsyncIterable<Frame>, description: string): AsyncGenerator<RgbFrame, void, undefined> {
  const filter = FilterAPI.create(description, { threads: 1 });
  try {
    for await (const frame of filter.frames(withEnd(frames))) {
      if (frame === null) continue;
      try {
        yield { width: frame.width, height: frame.height, rgb: frame.toBuffer() };
      } finally {
        frame.free();
      }
    }
  } finally {
    filter.close();
  }
}

/** The frames, then null, which makes a filter give out what it holds back. */
export async function* withEnd(frames: AsyncIterable<Frame>): AsyncGenerator<Frame | null, void, undefined> {
  yield* frames;
  yield null;
}

async function* tap(frames: AsyncIterable<Frame>, see: (frame: Frame) => void): AsyncGenerator<Frame, void, undefined> {
  for await (const frame of frames) {
    see(frame);
    yield frame;
  }
}

function fitFilter(width: number, height: number, fit: Fit): string {
  const size = `${width}:${height}`;
  return fit === 'crop'
    ? `scale=${size}:force_original_aspect_ratio=increase,crop=${size},setsar=1`
    : `scale=${size}:force_original_aspect_ratio=decrease,pad=${size}:(ow-iw)/2:(oh-ih)/2,setsar=1`;
}

export function videoOf(input: Demuxer): Stream {
  const stream = input.video();
  if (stream === undefined) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', 'The file has no picture track; upload it as AUDIO.');
  return stream;
}

/** Frames per second, kept within what makes sense: headers of strangers say anything. */
function rateOf({ avgFrameRate, rFrameRate }: Stream, frameCount: number, seconds: number): number {
  // The last is a guess that every time stamp is a multiple of: far too high for frames that come irregularly.
  const rates = [avgFrameRate.num / avgFrameRate.den, frameCount > 1 ? frameCount / seconds : Number.NaN, rFrameRate.num / rFrameRate.den];
  const fps = rates.find(rate => Number.isFinite(rate) && rate > 0 && rate <= 1000);
  return fps === undefined ? 25 : Math.round(fps * 1000) / 1000;
}
