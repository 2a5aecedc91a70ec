/** Messages between the server and the inference process. Validated on receipt at both ends; pixel bytes by their length only. */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../errors.ts';
import { MAX_CANDIDATES, MAX_LATENTS, TASKS } from '../core/generation.ts';
import { requestSchema } from '../core/request.ts';
import { STYLES } from '../core/styles.ts';

export const PROVIDERS = ['cuda', 'webgpu', 'cpu'] as const;

export const startOptionsSchema = z
  .object({
    bundleDir: z.string().min(1),
    provider: z.enum(['auto', ...PROVIDERS]),
    /** 0: a default for the machine. */
    threads: z.int().nonnegative(),
    maxRows: z.int().min(2),
    maxWaiting: z.int().positive(),
    /** Folder that keeps what was found out about this machine. */
    findingsDir: z.string().min(1).optional(),
    precision: z.enum(['auto', 'fp32']),
    positionsPerRun: z.int().positive(),
  })
  .readonly();

/** Names one request on the wire: request ids may come again, and late messages of the old one must not reach the new one. */
const ticket = z.int().nonnegative();

const rawFrame = z
  .object({ width: z.int().positive(), height: z.int().positive(), rgb: z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'rgb must be bytes') })
  .refine(({ width, height, rgb }) => rgb.byteLength === width * height * 3, 'rgb must hold width * height * 3 bytes')
  .readonly();
/** The longest clip at up to 8 frames per latent frame. */
const frames = z.array(rawFrame).max(8 * MAX_LATENTS).readonly();
const codes = z.custom<Int32Array>((value) => value instanceof Int32Array, 'codes must be an Int32Array');
/** A minute and a bit at any usual rate. */
const MOST_SAMPLES = 4_000_000;
const samples = z.custom<Float32Array>((value) => value instanceof Float32Array && value.length <= MOST_SAMPLES, `samples must be a Float32Array of up to ${MOST_SAMPLES}`);

/** Server to inference process. */
export const commandSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), options: startOptionsSchema }).readonly(),
  z.object({ type: z.literal('generate'), ticket, request: requestSchema }).readonly(),
  z.object({ type: z.literal('encode'), ticket, frames }).readonly(),
  z.object({ type: z.literal('encode-control'), ticket, frames }).readonly(),
  z.object({ type: z.literal('encode-sound'), ticket, samples }).readonly(),
  z.object({ type: z.literal('decode-sound'), ticket, codes }).readonly(),
  z.object({ type: z.literal('cancel'), ticket }).readonly(),
]);

const warning = z.object({ code: z.enum(['WORDS_UNKNOWN', 'PROMPT_TRUNCATED']), message: z.string() }).readonly();
const count = z.int().nonnegative();

const eventSchema = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('started'),
      tokensTotal: count,
      executionProvider: z.string(),
      bundleDigest: z.string(),
      warnings: z.array(warning).readonly(),
    })
    .readonly(),
  z.object({ type: z.literal('tokens'), tokensDone: count, tokensTotal: count, tokensPerSecond: z.number(), etaMs: z.number() }).readonly(),
  z
    .object({ type: z.literal('frames'), candidate: count, firstFrame: count, frames: z.array(rawFrame).readonly(), final: z.boolean() })
    .readonly(),
  z.object({ type: z.literal('window'), index: count, count, made: z.array(codes).max(MAX_CANDIDATES).readonly() }).readonly(),
  z.object({ type: z.literal('sound'), candidate: count, first: count, samples }).readonly(),
  z.object({ type: z.literal('text'), candidate: count, text: z.string() }).readonly(),
  z.object({ type: z.literal('codes'), candidate: count, codes }).readonly(),
  z.object({ type: z.literal('finished') }).readonly(),
]);

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]);
export const failureSchema = z.object({ code: errorCode, message: z.string(), field: z.array(z.string()).readonly().optional() }).readonly();

const sampling = z.object({ temperature: z.number(), topK: z.number(), topP: z.number(), guidance: z.number(), deterministic: z.boolean() }).readonly();

const usage = z
  .object({ slots: count, usedSlots: count, waiting: count, stagedRows: count, prefixRows: count, prefixHits: count, prefixMisses: count, preemptions: count })
  .readonly();

const infoSchema = z
  .object({
    bundle: z
      .object({
        name: z.string(),
        digest: z.string(),
        description: z.string(),
        tasks: z.array(z.enum(TASKS)).readonly(),
        styles: z.array(z.enum(STYLES)).readonly(),
        languages: z.array(z.string()).readonly(),
        width: count,
        height: count,
        upscaled: z.object({ width: count, height: count }).readonly().nullable(),
        fps: z.number(),
        frameCount: count,
        grid: z.tuple([count, count, count]).readonly(),
        framesPerLatent: count,
        windows: z.object({ latents: count, overlap: count }).readonly(),
        codec: z.string(),
        maxPromptCharacters: count,
        sampling,
        taskSampling: z.partialRecord(z.enum(TASKS), sampling).readonly(),
        audio: z.object({ sampleRate: count, samplesPerFrame: count, levels: count, framesPerClip: count, codec: z.string(), sampling }).readonly().nullable(),
        caption: z.object({ maxTokens: count, sampling }).readonly().nullable(),
        examples: z.array(z.string()).readonly(),
        trainingCommit: z.string(),
      })
      .readonly(),
    executionProvider: z.enum(PROVIDERS),
    device: z.string(),
    providerNotes: z.array(z.string()).readonly(),
    threads: count,
    selfCheckMs: z.number(),
  })
  .readonly();

/** Inference process to server. */
export const reportSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), info: infoSchema }).readonly(),
  /** Startup failed for good; the process ends. */
  z.object({ type: z.literal('failed'), failure: failureSchema }).readonly(),
  z.object({ type: z.literal('event'), ticket, event: eventSchema }).readonly(),
  /** The answer to `encode`, `encode-control` and `encode-sound`; `ended` follows. */
  z.object({ type: z.literal('encoded'), ticket, codes }).readonly(),
  /** The answer to `decode-sound`; `ended` follows. */
  z.object({ type: z.literal('decoded'), ticket, samples }).readonly(),
  /** The request is over and its slots are free; with a failure when it did not finish. */
  z.object({ type: z.literal('ended'), ticket, failure: failureSchema.optional() }).readonly(),
  /** The event loop turns. */
  z.object({ type: z.literal('heartbeat'), usage: usage.optional() }).readonly(),
  z
    .object({
      type: z.literal('log'),
      level: z.enum(['debug', 'info', 'warn', 'error']),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
    })
    .readonly(),
]);

export type StartOptions = z.infer<typeof startOptionsSchema>;
export type Command = z.infer<typeof commandSchema>;
export type Report = z.infer<typeof reportSchema>;
export type Failure = z.infer<typeof failureSchema>;
