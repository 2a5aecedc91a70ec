import { createHash } from 'node:crypto';
import { CinegraphError } from '../errors.ts';
import { MAX_CANDIDATES, type BundleInfo, type GenerationTask } from '../inference/core/generation.ts';
import { checkDuration, checkPrompt, checkSeed, type CheckedPrompt } from './clip-input.ts';
import type { GenerateInput, SamplingRecord } from './contract.ts';
import { refuse } from './refuse.ts';
import { checkShots } from './shot-input.ts';
import { checkSource, checkUpscale, checkWithAudio, inherited, stylization, type CheckedSource, type SourceAssets, type Span } from './source-input.ts';
import { samplingOf } from './task-sampling.ts';

export const MOST_TAGS = 20;
const LONGEST_TAG = 50;
export const LONGEST_TITLE = 200;
const LONGEST_KEY = 200;
const LONGEST_DEADLINE_MS = 3_600_000;
/** Tasks without a prompt of their own: a film's shots have theirs, a text is what comes out. */
const WORDLESS: ReadonlySet<GenerationTask> = new Set(['FILM', 'VIDEO_TO_TEXT', 'AUDIO_TO_TEXT']);
/** The source alone says enough. */
const PROMPT_OPTIONAL: ReadonlySet<GenerationTask> = new Set(['VIDEO_TO_AUDIO', 'AUDIO_TO_VIDEO']);

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
  /** What it is made from, as {@link GenerateInput} has it, with the fields of its task only. */
  readonly source: CheckedSource['fields'];
  /** What has to be made for it. */
  readonly spans: readonly Span[];
  readonly title: string | null;
  readonly tags: readonly string[];
  readonly deadlineMs: number | null;
  readonly idempotencyKey: string | null;
}

/**
 * Checks a request against the limits and against what the bundle can do. `assets`: those that it names, by id.
 * Throws with `field` set, first fault first.
 */
export function checkInput(input: GenerateInput, bundle: BundleInfo, assets: SourceAssets = new Map()): CheckedInput {
  if (input.model !== undefined && input.model !== null && input.model !== bundle.name) refuse('MODEL_UNKNOWN', 'model', `No model "${input.model}" is loaded; there is "${bundle.name}".`);
  if (!bundle.tasks.includes(input.task)) refuse('TASK_NOT_SUPPORTED', 'task', `${bundle.name} cannot do ${input.task}; it can do ${bundle.tasks.join(', ')}.`);
  return {
    task: input.task,
    ...checkWords(input, bundle, assets),
    seed: checkSeed(input.seed ?? null),
    candidates: checkCandidates(input.candidates ?? 1),
    sampling: checkSampling(input.sampling ?? {}, samplingOf(input.task, bundle)),
    ...checkTask(input, bundle, assets),
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

/** Throws what {@link checkPrompt} throws. */
function checkWords(input: GenerateInput, bundle: BundleInfo, assets: SourceAssets): CheckedPrompt {
  if (WORDLESS.has(input.task)) return { prompt: '', camera: null, style: null };
  if (input.task !== 'STYLIZE_VIDEO') return checkPrompt({ ...input, ...inherited(input, assets) }, bundle, PROMPT_OPTIONAL.has(input.task));
  return checkPrompt(stylization(input, assets), bundle);
}

/** Duration, sources and length of the task; a film's prompt is that of its shots. */
function checkTask(input: GenerateInput, bundle: BundleInfo, assets: SourceAssets): Pick<CheckedInput, 'durationMs' | 'source' | 'spans'> & { readonly prompt?: string } {
  if (input.task === 'FILM') {
    if ((input.candidates ?? 1) !== 1) refuse('CANDIDATES_OUT_OF_RANGE', 'candidates', 'There is one film for each job.');
    const withAudio = checkWithAudio(input, bundle);
    const { shots, spans, prompt } = checkShots(input, bundle, assets);
    return { durationMs: null, source: { shots, withAudio, ...checkUpscale(input, bundle) }, spans, prompt };
  }
  const durationMs = checkDuration(input, bundle);
  const { fields, spans } = checkSource(input, durationMs, bundle, assets);
  return { durationMs, source: { ...fields, ...checkUpscale(input, bundle) }, spans };
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

export function checkText(text: string | null, field: string, longest: number): string | null {
  if (text !== null && (text === '' || text.length > longest || isUnstorable(text))) refuse('INVALID_INPUT', field, `${field} must have 1 to ${longest} characters, none of them null or half of one.`);
  return text;
}

/** Postgres keeps neither a null character nor half of a surrogate pair. */
export function isUnstorable(text: string): boolean {
  return text.includes('\0') || !text.isWellFormed();
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
