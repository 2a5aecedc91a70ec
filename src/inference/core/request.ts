/** Parses a generation request at the edge of inference. */
import { z } from 'zod';
import { CinegraphError, type ErrorCode } from '../../errors.ts';
import { MAX_CANDIDATES, MAX_LATENTS, MAX_SEED, MODEL_TASKS, UNKNOWN, type GenerationRequest } from './generation.ts';

export const samplingSchema = z
  .object({
    temperature: z.number().min(0).max(2),
    topK: z.int().nonnegative(),
    topP: z.number().positive().max(1),
    guidance: z.number().min(1).max(20),
    deterministic: z.boolean(),
  })
  .readonly();

const codes = z.custom<Int32Array>((value) => value instanceof Int32Array, 'must be an Int32Array').refine((value) => value.every((code) => code >= UNKNOWN), `must hold codes or ${UNKNOWN}`);
const shown = codes.refine((value) => value.length > 0 && value.every((code) => code >= 0), 'must hold codes');
const clipSource = z.object({ latents: z.int().min(1).max(MAX_LATENTS), codes }).readonly();

export const requestSchema = z
  .object({
    id: z.string().min(1).max(200),
    owner: z.string().min(1).max(200).optional(),
    task: z.enum(MODEL_TASKS),
    prompt: z.string(),
    source: clipSource.optional(),
    video: shown.optional(),
    sound: shown.optional(),
    control: shown.optional(),
    seed: z.int().min(0).max(MAX_SEED),
    candidates: z.int().min(1).max(MAX_CANDIDATES),
    sampling: samplingSchema,
    upscale: z.boolean().optional(),
    resume: z.array(codes).max(MAX_CANDIDATES).readonly().optional(),
  })
  .readonly();

const CODE_OF_FIELD: Readonly<Record<string, ErrorCode>> = {
  task: 'TASK_NOT_SUPPORTED',
  seed: 'SEED_OUT_OF_RANGE',
  candidates: 'CANDIDATES_OUT_OF_RANGE',
  sampling: 'SAMPLING_OUT_OF_RANGE',
};

/** Throws TASK_NOT_SUPPORTED, SEED_OUT_OF_RANGE, CANDIDATES_OUT_OF_RANGE, SAMPLING_OUT_OF_RANGE or INVALID_INPUT, naming the field. */
export function parseRequest(request: unknown): GenerationRequest {
  const parsed = requestSchema.safeParse(request);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = (issue?.path ?? []).map(String);
  throw new CinegraphError(CODE_OF_FIELD[field[0] ?? ''] ?? 'INVALID_INPUT', `${field.join('.')}: ${issue?.message ?? 'not valid'}.`, { field });
}
