/** Prompt, task and sources to the prefix (docs/BUNDLE.md, "Language model"). */
import { CinegraphError } from '../../errors.ts';
import { countCharacters, type GenerationWarning } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Prefix, StepInput } from '../core/step-input.ts';
import type { TaskSpec } from '../core/task-spec.ts';
import { AudioGrid } from '../tokenizers/audio-grid.ts';
import { unknownWords } from '../tokenizers/known-words.ts';
import { normalizeText, type TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';

export interface LaidOutPrompt {
  /** `<bos> <task> <bot> text... <eot>`, the sources, and what opens the output. */
  readonly conditional: Prefix;
  /** The same without text and sources. */
  readonly unconditional: Prefix;
  readonly warnings: readonly GenerationWarning[];
}

/** What the model is shown and what it hears. */
export interface Sources {
  /** A clip that fits the grid, `[T, H, W]` codes. */
  readonly video?: Int32Array | undefined;
  /** A sound of up to a clip's length, `[F, levels]` codes. */
  readonly sound?: Int32Array | undefined;
  /** The prompt may be empty: what began with a source goes on without. */
  readonly wordless?: boolean;
}

/** Throws PROMPT_EMPTY, unless there is a source, and PROMPT_TOO_LONG; a prompt of more tokens than the model reads is cut, with a warning. */
export function layOutPrompt(prompt: string, spec: TaskSpec, manifest: Manifest, knownWords: ReadonlySet<string>, tokenizer: TextTokenizer, sources: Sources = {}): LaidOutPrompt {
  const { maxCharacters, maxTokens } = manifest.text;
  if (normalizeText(prompt) === '' && sources.wordless !== true && sources.video === undefined && sources.sound === undefined) throw new CinegraphError('PROMPT_EMPTY', undefined, { field: ['prompt'] });
  const length = countCharacters(prompt);
  if (length > maxCharacters) {
    throw new CinegraphError('PROMPT_TOO_LONG', `The prompt has ${length} characters; the model reads at most ${maxCharacters}.`, { field: ['prompt'] });
  }
  const pieces = tokenizer.encode(prompt);
  const layout = new TokenLayout(manifest);
  const { special, text } = manifest.languageModel.rows;
  const head = (rows: readonly number[]): StepInput => layout.plain([special.bos, spec.taskRow, special.bot, ...rows, special.eot]);
  const opener = layout.plain([spec.opener]);
  return {
    conditional: layout.join(head(pieces.slice(0, maxTokens).map((piece) => text.start + piece)), ...layOutSources(sources, manifest, layout), opener),
    unconditional: layout.join(head([]), opener),
    warnings: warningsFor(unknownWords(prompt, knownWords), pieces.length, maxTokens),
  };
}

/** `<bov_i>` one token per position `<eov_i>`, `<boa_i>` one token per audio frame `<eoa_i>`. A token of a clip is what an output position would be with the clip as its condition. */
function layOutSources({ video, sound }: Sources, manifest: Manifest, layout: TokenLayout): StepInput[] {
  const { bov_i: videoBegins, eov_i: videoEnds, boa_i: soundBegins, eoa_i: soundEnds } = manifest.languageModel.rows.special;
  const parts: StepInput[] = [];
  if (video !== undefined && videoBegins !== undefined && videoEnds !== undefined) {
    const grid = new VideoGrid(manifest);
    const shown = layout.empty(video.length);
    for (let position = 0; position < video.length; position += 1) grid.write({ codes: undefined, condition: video }, position, shown, position);
    parts.push(layout.plain([videoBegins]), shown, layout.plain([videoEnds]));
  }
  if (sound !== undefined && soundBegins !== undefined && soundEnds !== undefined) {
    parts.push(layout.plain([soundBegins]), new AudioGrid(manifest, layout).source(sound), layout.plain([soundEnds]));
  }
  return parts;
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
