import { z } from 'zod';

const bytes = z.custom<Uint8Array>(value => value instanceof Uint8Array, 'bytes');
const positive = z.number().int().positive();
const count = z.number().int().nonnegative();

const REFUSALS = ['MEDIA_TYPE_NOT_SUPPORTED', 'MEDIA_TOO_LARGE', 'MEDIA_CORRUPT'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The file's own fault: thrown in the reader process, told to the caller under its code. */
export class Refused extends Error {
  readonly code: Refusal;

  constructor(code: Refusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const FITS = ['crop', 'pad'] as const;
/** How a picture of another shape is brought into the frame: its edges cut off, or bars added. */
export type Fit = (typeof FITS)[number];

export const CONVERSIONS = ['webm', 'gif', 'webp', 'sprites'] as const;
/** The forms that a clip can be turned into; `sprites` is a sheet of stills. */
export type Conversion = (typeof CONVERSIONS)[number];

const spriteLayout = z.object({
  columns: positive.max(20), rows: positive.max(20), count: positive.max(100),
  /** Of one still, pixels. */
  width: positive.max(512), height: positive.max(512),
  /** Stills per second of the clip. */
  fps: z.number().positive(),
});
export type SpriteLayout = Readonly<z.infer<typeof spriteLayout>>;

const common = { id: z.number().int(), file: z.string() };

/** Parent to reader process. `file`, `sound`: paths that only the reader process reads, and that the parent removes. */
export const readRequest = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('inspect'), kind: z.enum(['IMAGE', 'MASK', 'VIDEO', 'AUDIO']) }),
  z.object({
    ...common, type: z.literal('frames'),
    width: positive.max(4096), height: positive.max(4096), fps: z.number().positive().max(240), maxFrames: positive.max(10_000), fromMs: z.number().nonnegative(), fit: z.enum(FITS),
  }),
  z.object({ ...common, type: z.literal('pcm'), sampleRateHz: positive.max(192_000), maxSamples: positive }),
  z.object({ ...common, type: z.literal('sound'), sound: z.string() }),
  z.object({ ...common, type: z.literal('convert'), to: z.enum(CONVERSIONS), layout: spriteLayout.optional() }),
]);
export type ReadRequest = z.infer<typeof readRequest>;

const inspected = z.object({
  contentType: z.string(),
  width: positive.nullable(),
  height: positive.nullable(),
  fps: z.number().positive().nullable(),
  frameCount: positive.nullable(),
  durationMs: count.nullable(),
  hasAudio: z.boolean(),
  sampleRateHz: positive.nullable(),
  channels: positive.nullable(),
  /** WebP: a small version of the picture, a still of the clip, the waveform of the sound. */
  thumbnail: bytes,
  thumbhash: z.string(),
});
/** What a file holds, read from its bytes. */
export type Inspected = z.infer<typeof inspected>;

const frames = z.object({
  width: positive,
  height: positive,
  frameCount: positive,
  /** RGB, 8 bits, row-major, one frame after the other. */
  rgb: bytes,
  /** What was done to the shape; null: it fitted. */
  fitted: z.enum(FITS).nullable(),
  sourceWidth: positive,
  sourceHeight: positive,
  /** True: the file goes on behind the last of these frames. */
  truncated: z.boolean(),
});
export type DecodedFrames = z.infer<typeof frames>;

const pcm = z.object({
  sampleRateHz: positive,
  /** Mono, -1 to 1. */
  samples: z.custom<Float32Array>(value => value instanceof Float32Array, 'samples'),
  truncated: z.boolean(),
});
export type DecodedPcm = z.infer<typeof pcm>;

const converted = z.object({ contentType: z.string(), bytes });
export type Converted = z.infer<typeof converted>;

/** Reader process to parent. */
export const readReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('inspected'), id: z.number().int(), value: inspected }),
  z.object({ type: z.literal('frames'), id: z.number().int(), value: frames }),
  z.object({ type: z.literal('pcm'), id: z.number().int(), value: pcm }),
  z.object({ type: z.literal('converted'), id: z.number().int(), value: converted }),
  z.object({ type: z.literal('refused'), id: z.number().int(), code: z.enum(REFUSALS), message: z.string() }),
  z.object({ type: z.literal('failed'), id: z.number().int(), message: z.string() }),
]);
export type ReadReply = z.infer<typeof readReply>;
