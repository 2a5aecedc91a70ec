import { durationOf, framesOf, nearestLatents } from '../inference/core/clip-length.ts';
import { countCharacters, MAX_LATENTS, MAX_SEED, type BundleInfo } from '../inference/core/generation.ts';
import { composePrompt } from '../jobs/prompt.ts';
import type { GenerateInput } from './contract.ts';
import { refuse } from './refuse.ts';

/** A wish for a duration is met by the clip's own when it is off by no more than this share. */
const DURATION_TOLERANCE = 0.25;

export interface CheckedPrompt {
  readonly prompt: string;
  readonly camera: string | null;
  readonly style: string | null;
}

/** Prompt, camera and style of a clip, shot or sound; `optional`: the prompt may be empty. Throws PROMPT_EMPTY, PROMPT_TOO_LONG and INVALID_INPUT. */
export function checkPrompt(input: Pick<GenerateInput, 'prompt' | 'camera' | 'style'>, bundle: BundleInfo, optional = false): CheckedPrompt {
  const prompt = (input.prompt ?? '').normalize('NFC').trim();
  const camera = input.camera?.trim() || null;
  const style = input.style?.trim() || null;
  if (prompt === '' && !optional) refuse('PROMPT_EMPTY', 'prompt');
  const parts = Object.entries({ prompt, camera, style });
  // Postgres cannot hold it (a null character, half of a surrogate pair), and no prompt means it.
  const unreadable = parts.find(([, text]) => /[\p{Cc}\p{Cs}]/u.test(text?.replace(/[\t\n\r]/g, '') ?? ''));
  if (unreadable !== undefined) refuse('INVALID_INPUT', unreadable[0], `${unreadable[0]} has control characters, or halves of characters.`);
  const length = countCharacters(composePrompt({ prompt, camera, style }));
  if (length > bundle.maxPromptCharacters) {
    const [field] = parts.find(([, text]) => countCharacters(text ?? '') > bundle.maxPromptCharacters) ?? ['prompt'];
    refuse('PROMPT_TOO_LONG', field, `The prompt, with camera and style, has ${length} characters; the model reads up to ${bundle.maxPromptCharacters}.`);
  }
  return { prompt, camera, style };
}

/** The length that the clip will have, ms; null for an image and for a clip whose length is that of its source. */
export function checkDuration({ task, durationMs }: Pick<GenerateInput, 'task' | 'durationMs'>, bundle: BundleInfo): number | null {
  if (task !== 'TEXT_TO_VIDEO' && task !== 'IMAGE_TO_VIDEO') return null;
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

export function checkSeed(seed: number | null): number | null {
  if (seed !== null && (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED)) refuse('SEED_OUT_OF_RANGE', 'seed');
  return seed;
}
