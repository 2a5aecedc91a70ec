import { createHash } from 'node:crypto';
import { CinegraphError, type ErrorCode } from '../errors.ts';
import { durationOf, framesOf, nearestLatents } from '../inference/core/clip-length.ts';
import { countCharacters, MAX_CANDIDATES, MAX_LATENTS, MAX_SEED, type BundleInfo, type GenerationTask } from '../inference/core/generation.ts';
import { composePrompt } from '../jobs/prompt.ts';
import type { GenerateInput, SamplingRecord } from './contract.ts';

export const MOST_TAGS = 20;
const LONGEST_TAG = 50;
export const LONGEST_TITLE = 200;
const LONGEST_KEY = 200;
const LONGEST_DEADLINE_MS = 3_600_000;
/** A wish for a duration is met by the clip's own when it is off by no more than this share. */
const DURATION_TOLERANCE = 0.25;

/** A request with every default filled in; seed null: to be drawn. */
export interface CheckedInput {
  readonly task: GenerationTask;
  readonly prompt: string;
  readonly camera: string | null;
  readonly style: string | null;
  readonly seed: number | null;
  readonly candidates: number;
  readonly sampling: SamplingRecord;
  readonly durationMs: number | null;
  readonly title: string | null;
  readonly tags: readonly string[];
  readonly deadlineMs: number | null;
  readonly idempotencyKey: string | null;
}

/** Checks a request against the limits and against what the bundle can do. Throws with `field` set, first fault first. */
export function checkInput(input: GenerateInput, bundle: BundleInfo): CheckedInput {
  if (input.model !== undefined && input.model !== null && input.model !== bundle.name) refuse('MODEL_UNKNOWN', 'model', `No model "${input.model}" is loaded; there is "${bundle.name}".`);
  if (!bundle.tasks.includes(input.task)) refuse('TASK_NOT_SUPPORTED', 'task', `${bundle.name} cannot do ${input.task}; it can do ${bundle.tasks.join(', ')}.`);
  return {
    task: input.task,
    ...checkPrompt(input, bundle),
    seed: checkSeed(input.seed ?? null),
    candidates: checkCandidates(input.candidates ?? 1),
    sampling: checkSampling(input.sampling ?? {}, bundle.sampling),
    durationMs: checkDuration(input, bundle),
    title: checkText(input.title ?? null, 'title', LONGEST_TITLE),
    tags: checkTags(input.tags ?? []),
    deadlineMs: checkDeadline(input.deadlineMs ?? null),
    idempotencyKey: checkText(input.idempotencyKey ?? null, 'idempotencyKey', LONGEST_KEY),
  };
}

/**
 * sha256, hex, over a request as it was sent, without its key: tells a repeated request from another one under the same key. What is left
 * out and what is null are the same; defaults are not filled in, so that a repeat stays a repeat when the model's defaults have changed.
 */
export function inputDigest(input: GenerateInput): string {
  return createHash('sha256').update(canonicalJson({ ...input, idempotencyKey: null })).digest('hex');
}

function canonicalJson(input: object): string {
  const sorted = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null && each !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  return JSON.stringify(input, sorted);
}

function checkPrompt(input: GenerateInput, bundle: BundleInfo): Pick<CheckedInput, 'prompt' | 'camera' | 'style'> {
  const prompt = input.prompt.normalize('NFC').trim();
  const camera = input.camera?.trim() || null;
  const style = input.style?.trim() || null;
  if (prompt === '') refuse('PROMPT_EMPTY', 'prompt');
  // Postgres text cannot hold it, and no prompt means it.
  if (/\p{Cc}/u.test(`${prompt}${camera ?? ''}${style ?? ''}`.replace(/[\t\n\r]/g, ''))) refuse('INVALID_INPUT', 'prompt', 'The prompt has control characters.');
  const length = countCharacters(composePrompt({ prompt, camera, style }));
  if (length > bundle.maxPromptCharacters) {
    refuse('PROMPT_TOO_LONG', 'prompt', `The prompt, with camera and style, has ${length} characters; the model reads up to ${bundle.maxPromptCharacters}.`);
  }
  return { prompt, camera, style };
}

function checkSeed(seed: number | null): number | null {
  if (seed !== null && (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED)) refuse('SEED_OUT_OF_RANGE', 'seed');
  return seed;
}

function checkCandidates(candidates: number): number {
  if (!Number.isInteger(candidates) || candidates < 1 || candidates > MAX_CANDIDATES) refuse('CANDIDATES_OUT_OF_RANGE', 'candidates');
  return candidates;
}

function checkSampling(wish: NonNullable<GenerateInput['sampling']>, defaults: SamplingRecord): SamplingRecord {
  const number = (name: 'temperature' | 'topK' | 'topP' | 'guidance', allowed: (value: number) => boolean, range: string): number => {
    const value = wish[name] ?? defaults[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || !allowed(value)) {
      throw new CinegraphError('SAMPLING_OUT_OF_RANGE', `sampling.${name} must be ${range}.`, { field: ['input', 'sampling', name] });
    }
    return value;
  };
  return {
    temperature: number('temperature', value => value >= 0 && value <= 2, 'from 0 to 2'),
    topK: number('topK', value => Number.isInteger(value) && value >= 0 && value <= 1_000_000, 'an integer, 0 (all) or more'),
    topP: number('topP', value => value > 0 && value <= 1, 'above 0 and up to 1'),
    guidance: number('guidance', value => value >= 1 && value <= 20, 'from 1 to 20'),
    deterministic: Boolean(wish.deterministic ?? defaults.deterministic),
  };
}

function checkDuration({ task, durationMs }: GenerateInput, bundle: BundleInfo): number | null {
  if (task === 'TEXT_TO_IMAGE') return null;
  const clipMs = durationOf(bundle.frameCount, bundle);
  if (durationMs !== undefined && durationMs !== null && bundle.tasks.includes('EXTEND_VIDEO')) return checkLength(durationMs, bundle);
  if (durationMs !== undefined && durationMs !== null && !(Math.abs(durationMs - clipMs) <= clipMs * DURATION_TOLERANCE)) {
    refuse('DURATION_NOT_SUPPORTED', 'durationMs', `${bundle.name} makes clips of ${clipMs} ms; ${durationMs} ms is too far from that.`);
  }
  return clipMs;
}

/** A model that can go on makes clips of any length, in steps of a latent frame; the nearest is taken. */
function checkLength(durationMs: number, bundle: BundleInfo): number {
  const [shortest, longest] = [2, MAX_LATENTS].map(latents => durationOf(framesOf(latents, bundle), bundle)) as [number, number];
  if (!(durationMs >= shortest && durationMs <= longest)) refuse('DURATION_NOT_SUPPORTED', 'durationMs', `durationMs must be from ${shortest} to ${longest}.`);
  return durationOf(framesOf(nearestLatents(durationMs, bundle), bundle), bundle);
}

export function checkText(text: string | null, field: string, longest: number): string | null {
  if (text !== null && (text === '' || text.length > longest || text.includes('\0'))) refuse('INVALID_INPUT', field, `${field} must have 1 to ${longest} characters.`);
  return text;
}

export function checkTags(tags: readonly string[]): readonly string[] {
  if (tags.length > MOST_TAGS) refuse('INVALID_INPUT', 'tags', `There may be up to ${MOST_TAGS} tags.`);
  for (const tag of tags) checkText(tag, 'tags', LONGEST_TAG);
  return [...new Set(tags)];
}

function checkDeadline(deadlineMs: number | null): number | null {
  if (deadlineMs !== null && (!Number.isInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > LONGEST_DEADLINE_MS)) {
    refuse('INVALID_INPUT', 'deadlineMs', `deadlineMs must be an integer from 1 to ${LONGEST_DEADLINE_MS}.`);
  }
  return deadlineMs;
}

function refuse(code: ErrorCode, field: string, message?: string): never {
  throw new CinegraphError(code, message, { field: ['input', field] });
}
