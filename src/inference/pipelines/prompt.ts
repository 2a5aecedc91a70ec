/** Prompt and task to prefix rows (docs/BUNDLE.md, "Language model"). */
import { CinegraphError } from '../../errors.ts';
import { countCharacters, type GenerationWarning } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { TaskSpec } from '../core/task-spec.ts';
import { unknownWords } from '../tokenizers/known-words.ts';
import { normalizeText, type TextTokenizer } from '../tokenizers/text-tokenizer.ts';

export interface LaidOutPrompt {
  /** Row ids `[P]`: `<bos> <task> <bot> text... <eot> <bov>`. */
  readonly conditional: readonly number[];
  /** The same without text. */
  readonly unconditional: readonly number[];
  readonly warnings: readonly GenerationWarning[];
}

/** Throws PROMPT_EMPTY and PROMPT_TOO_LONG; a prompt of more tokens than the model reads is cut, with a warning. */
export function layOutPrompt(prompt: string, spec: TaskSpec, manifest: Manifest, knownWords: ReadonlySet<string>, tokenizer: TextTokenizer): LaidOutPrompt {
  const { maxCharacters, maxTokens } = manifest.text;
  if (normalizeText(prompt) === '') throw new CinegraphError('PROMPT_EMPTY', undefined, { field: ['prompt'] });
  const length = countCharacters(prompt);
  if (length > maxCharacters) {
    throw new CinegraphError('PROMPT_TOO_LONG', `The prompt has ${length} characters; the model reads at most ${maxCharacters}.`, { field: ['prompt'] });
  }
  const pieces = tokenizer.encode(prompt);
  const { special, text } = manifest.languageModel.rows;
  const prefix = (rows: readonly number[]): number[] => [special.bos, spec.taskRow, special.bot, ...rows, special.eot, special.bov];
  return {
    conditional: prefix(pieces.slice(0, maxTokens).map((piece) => text.start + piece)),
    unconditional: prefix([]),
    warnings: warningsFor(unknownWords(prompt, knownWords), pieces.length, maxTokens),
  };
}

function warningsFor(unknown: readonly string[], pieces: number, maxTokens: number): GenerationWarning[] {
  const warnings: GenerationWarning[] = [];
  if (unknown.length > 0) {
    const words = unknown.map((word) => `"${word}"`).join(', ');
    warnings.push({ code: 'WORDS_UNKNOWN', message: `The model never met these words in training and may ignore them: ${words}.` });
  }
  if (pieces > maxTokens) {
    warnings.push({ code: 'PROMPT_TRUNCATED', message: `The prompt has ${pieces} tokens; the model read the first ${maxTokens}.` });
  }
  return warnings;
}
