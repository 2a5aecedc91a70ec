import type { Logger } from 'pino';
import { z } from 'zod';

/** What this folder asks of the log. */
export type MediaLog = Pick<Logger, 'error'>;

/** One frame: RGB, 8 bits, row-major, `width * height * 3` bytes. */
export interface RgbFrame {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** Frames of one clip, one after the other: RGB, 8 bits, row-major, `width * height * 3 * frameCount` bytes. */
export interface ClipInput {
  readonly width: number;
  readonly height: number;
  /** Frames per second, an integer. */
  readonly fps: number;
  readonly frameCount: number;
  readonly rgb: Uint8Array;
}

/** What decoding the finished file gave. */
export interface ClipProbe {
  readonly width: number;
  readonly height: number;
  readonly frameCount: number;
  readonly fps: number;
  readonly durationMs: number;
}

export interface EncodedClip {
  readonly bytes: Buffer;
  readonly probe: ClipProbe;
}

const bytes = z.custom<Uint8Array>(value => value instanceof Uint8Array, 'bytes');
const positive = z.number().int().positive();

/** Parent to encoder process. */
export const encodeRequest = z.object({ id: z.number().int(), width: positive.max(8192), height: positive.max(8192), fps: positive.max(240), frameCount: positive.max(10_000), rgb: bytes });

/** Encoder process to parent; `ready` once, when FFmpeg is loaded. */
export const encodeReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({
    type: z.literal('encoded'),
    id: z.number().int(),
    bytes,
    probe: z.object({ width: positive, height: positive, frameCount: positive, fps: z.number(), durationMs: z.number() }),
  }),
  z.object({ type: z.literal('failed'), id: z.number().int(), message: z.string() }),
]);
export type EncodeReply = z.infer<typeof encodeReply>;
