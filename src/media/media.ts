import { createHash } from 'node:crypto';
import type { MediaLog, RgbFrame } from './clip.ts';
import { EncoderPool } from './encoder-pool.ts';
import type { UploadKind } from './media-kinds.ts';
import { type DecodeInputOptions, type MediaBytes, Reader } from './reader.ts';
import type { Conversion, Converted, DecodedPcm, Fit, Inspected, SpriteLayout } from './reader-messages.ts';
import { Credentials, type CredentialsOptions } from './credentials/credentials.ts';
import { encodeWav } from './wav.ts';
import { drawWaveform } from './waveform.ts';
import { type Preview, encodePng, encodePreview, encodeThumbnail, thumbhash } from './still.ts';

export interface OpenMediaOptions {
  /** Encoder processes kept warm; each takes a core while it encodes. */
  readonly encoders: number;
  /** They start when it resolves, or with the first clip. Default: at once. */
  readonly warmFrom?: Promise<unknown> | undefined;
  /** Reader processes for files of strangers: started when needed, ended when idle. Default 1. */
  readonly readers?: number;
  /** Who signs what was made here; nobody when left out. */
  readonly identity?: CredentialsOptions['identity'];
  readonly log: MediaLog;
}

/** A finished asset, ready to be stored. */
export interface EncodedMedia {
  readonly kind: 'IMAGE' | 'VIDEO' | 'AUDIO' | 'TEXT';
  readonly contentType: string;
  readonly bytes: Buffer;
  /** Of a sound: its waveform. Null for a text. */
  readonly thumbnail: Buffer | null;
  readonly thumbhash: string | null;
  /** sha256 over the raw RGB bytes of all frames, hex; null for what has none. */
  readonly framesSha256: string | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Null for an image. */
  readonly fps: number | null;
  readonly frameCount: number | null;
  readonly durationMs: number | null;
  readonly hasAudio: boolean;
  readonly sampleRateHz: number | null;
  readonly channels: number | null;
  readonly text: string | null;
}

/** What is the same for all kinds that do not say otherwise. */
const PLAIN = { thumbnail: null, thumbhash: null, framesSha256: null, width: null, height: null, fps: null, frameCount: null, durationMs: null, hasAudio: false, sampleRateHz: null, channels: null, text: null } as const;

/** Turns frames into files. Owner: the composition root, which closes it. */
export interface Media {
  preview(frame: RgbFrame): Promise<Preview>;
  image(frame: RgbFrame): Promise<EncodedMedia>;
  /** Throws INTERNAL when the encoder process failed, crashed or hung; a second try may succeed. fps: an integer. */
  video(frames: readonly RgbFrame[], fps: number): Promise<EncodedMedia>;
  /** Mono samples from -1 to 1 as a WAV file. */
  sound(samples: Float32Array, sampleRateHz: number): Promise<EncodedMedia>;
  text(text: string): EncodedMedia;
  /**
   * The clip with another sound track, cut to its length or followed by silence: MP4 with AAC; the picture is copied where an MP4 can hold
   * it. Both may be files of strangers. Throws the MEDIA_ codes.
   */
  addSound(clip: MediaBytes, sound: MediaBytes): Promise<Buffer>;
  /** What a file of a stranger really is, with its thumbnail. Throws the MEDIA_ codes. */
  inspect(source: MediaBytes, kind: UploadKind): Promise<Inspected>;
  /**
   * Frames of an asset that a task starts from: an image gives one, a clip those at the wished rate, in a reader process.
   * `source` is what `AssetService.open(sha256)` or `{ byteSize, read }` over the blob store gives. Throws the MEDIA_ codes.
   */
  decodeInput(source: MediaBytes, options: DecodeInputOptions): Promise<DecodedInput>;
  /** The sound of an asset, or of a clip: mono, up to maxMs. Throws the MEDIA_ codes; MEDIA_TYPE_NOT_SUPPORTED: it has no sound. */
  decodeSound(source: MediaBytes, options: { readonly sampleRateHz: number; readonly maxMs: number }): Promise<DecodedPcm>;
  /** A clip in another form; `layout` for sprites. Throws the MEDIA_ codes. */
  convert(source: MediaBytes, to: Conversion, layout?: SpriteLayout): Promise<Converted>;
  readonly credentials: Pick<Credentials, 'signs' | 'sign' | 'read'>;
  close(): Promise<void>;
}

/** Longest conversion of a clip, ms. */
const CONVERT_DEADLINE_MS = 120_000;

export interface DecodedInput {
  /** All of the wished size. */
  readonly frames: readonly RgbFrame[];
  /** What was done to a picture of another shape, for a warning on the job; null: it fitted. */
  readonly fitted: Fit | null;
  /** Size of the picture in the file, pixels. */
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  /** True: the file goes on behind the last of these frames. */
  readonly truncated: boolean;
}

/** Starts the encoder processes; does not wait for them: the first clip does, if it comes that early. */
export async function openMedia({ encoders, warmFrom, readers = 1, identity, log }: OpenMediaOptions): Promise<Media> {
  const pool = new EncoderPool({ size: encoders, warmFrom, log });
  const reader = new Reader({ size: readers, log });
  // Conversions take long: uploads and jobs do not wait behind them.
  const converter = new Reader({ size: 1, log, deadlineMs: CONVERT_DEADLINE_MS });
  const credentials = new Credentials({ identity, log });
  return {
    credentials,
    preview: encodePreview,
    image: encodeImage,
    video: (frames, fps) => encodeVideo(pool, frames, fps),
    sound: encodeSound,
    text: text => ({ ...PLAIN, kind: 'TEXT', contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(text), text }),
    addSound: async (clip, sound) => Buffer.from((await reader.addSound(clip, sound)).bytes),
    inspect: (source, kind) => reader.inspect(source, kind),
    decodeInput: (source, options) => decodeInput(reader, source, options),
    decodeSound: (source, { sampleRateHz, maxMs }) => reader.pcm(source, { sampleRateHz, maxSamples: Math.ceil((maxMs / 1000) * sampleRateHz) }),
    convert: (source, to, layout) => converter.convert(source, to, layout),
    close: async () => void (await Promise.all([pool.close(), reader.close(), converter.close(), credentials.close()])),
  };
}

async function decodeInput(reader: Reader, source: MediaBytes, options: DecodeInputOptions): Promise<DecodedInput> {
  const { width, height, frameCount, rgb, ...rest } = await reader.frames(source, options);
  const frameBytes = width * height * 3;
  return { ...rest, frames: Array.from({ length: frameCount }, (_, index) => ({ width, height, rgb: rgb.subarray(index * frameBytes, (index + 1) * frameBytes) })) };
}

async function encodeImage(frame: RgbFrame): Promise<EncodedMedia> {
  const [bytes, thumbnail, hash] = await Promise.all([encodePng(frame), encodeThumbnail(frame), thumbhash(frame)]);
  const { width, height } = frame;
  return { ...PLAIN, kind: 'IMAGE', contentType: 'image/png', bytes, thumbnail, thumbhash: hash, framesSha256: digest([frame]), width, height };
}

async function encodeVideo(pool: EncoderPool, frames: readonly RgbFrame[], fps: number): Promise<EncodedMedia> {
  const middle = frames[frames.length >> 1];
  if (middle === undefined) throw new Error('a clip needs a frame');
  const { width, height } = middle;
  const rgb = Buffer.concat(frames.map(frame => frame.rgb));
  const [clip, thumbnail, hash] = await Promise.all([
    pool.encode({ width, height, fps, frameCount: frames.length, rgb }),
    encodeThumbnail(middle),
    thumbhash(middle),
  ]);
  const { frameCount, durationMs } = clip.probe;
  return { ...PLAIN, kind: 'VIDEO', contentType: 'video/mp4', bytes: clip.bytes, thumbnail, thumbhash: hash, framesSha256: digest(frames), width, height, fps, frameCount, durationMs };
}

async function encodeSound(samples: Float32Array, sampleRateHz: number): Promise<EncodedMedia> {
  return {
    ...PLAIN, kind: 'AUDIO', contentType: 'audio/wav', bytes: encodeWav(samples, sampleRateHz), thumbnail: await drawWaveform(samples), thumbhash: '',
    durationMs: Math.round((1000 * samples.length) / sampleRateHz), hasAudio: true, sampleRateHz, channels: 1,
  };
}

function digest(frames: readonly RgbFrame[]): string {
  const hash = createHash('sha256');
  for (const { rgb } of frames) hash.update(rgb);
  return hash.digest('hex');
}
