/** Words that the model never met in training, so that a caller learns why they have no effect. */
import { normalizeText } from './text-tokenizer.ts';

/** Distinct words of `prompt` (runs of `[a-z0-9]` after normalising, or of other letters) outside `known`, in order. */
export function unknownWords(prompt: string, known: ReadonlySet<string>): string[] {
  const words = normalizeText(prompt).match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return [...new Set(words)].filter((word) => !known.has(word));
}
