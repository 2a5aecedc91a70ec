/** The prefixes of a request's sequences. */
import type { GenerationRequest, GenerationWarning, ModelTask } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Prefix } from '../core/step-input.ts';
import { taskSpec } from '../core/task-spec.ts';
import type { TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { layOutPrompt, type Sources } from './prompt.ts';

export interface LaidOut {
  readonly prefixes: readonly Prefix[];
  readonly warnings: readonly GenerationWarning[];
}

export class Prefixes {
  readonly #manifest: Manifest;
  readonly #tokenizer: TextTokenizer;
  readonly #knownWords: ReadonlySet<string>;

  constructor(manifest: Manifest, tokenizer: TextTokenizer) {
    this.#manifest = manifest;
    this.#tokenizer = tokenizer;
    this.#knownWords = new Set(manifest.knownWords);
  }

  /** Guidance 1 is the conditional row alone. Throws what {@link layOutPrompt} and {@link taskSpec} throw. */
  of({ prompt, sampling, video, sound }: GenerationRequest, task: ModelTask, sources: Sources = {}): LaidOut {
    const wordless = video !== undefined || sound !== undefined;
    const { conditional, unconditional, warnings } = layOutPrompt(prompt, taskSpec(this.#manifest, task), this.#manifest, this.#knownWords, this.#tokenizer, { ...sources, wordless });
    return { prefixes: sampling.guidance === 1 ? [conditional] : [conditional, unconditional], warnings };
  }
}
