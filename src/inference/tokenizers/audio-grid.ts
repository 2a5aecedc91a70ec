/** Layout of audio codes, frame by frame and level by level within a frame, and what describes one position to the language model. */
import type { Manifest } from '../core/manifest.ts';
import type { StepInput } from '../core/step-input.ts';
import type { TokenLayout } from './token-layout.ts';

export class AudioGrid {
  /** Codes of a frame. */
  readonly levels: number;
  readonly codebookSize: number;
  readonly framesPerClip: number;
  readonly #layout: TokenLayout;
  readonly #rows: { readonly frame: number; readonly level: number };
  readonly #contexts: readonly { readonly frames: number; readonly level: number }[];

  constructor({ audio, languageModel }: Pick<Manifest, 'audio' | 'languageModel'>, layout: TokenLayout) {
    const { audioContexts, rows } = languageModel;
    if (audio === undefined || audioContexts === undefined || rows.audio === undefined) throw new Error('the bundle has no sound');
    this.levels = audio.levels;
    this.codebookSize = audio.codebookSize;
    this.framesPerClip = audio.framesPerClip;
    this.#layout = layout;
    this.#rows = rows.audio;
    this.#contexts = audioContexts;
  }

  level(position: number): number {
    return position % this.levels;
  }

  /** Writes what describes a position into token `token` of `input`; the `codes` before it are read. */
  write(codes: Int32Array, position: number, input: StepInput, token: number): void {
    const [frame, level] = [Math.floor(position / this.levels), this.level(position)];
    this.#layout.setRows(input, token, this.#rows.frame + frame, this.#rows.level + level);
    this.#contexts.forEach(({ frames, level: other }, slot) => {
      if (frame + frames >= 0 && (frames < 0 || other < level)) this.#layout.setSound(input, token, slot, this.#id(codes, frame + frames, other));
    });
  }

  /** A sound as part of a prefix: a token for each frame of `codes` `[F, levels]`. */
  source(codes: Int32Array): StepInput {
    const count = codes.length / this.levels;
    const input = this.#layout.empty(count);
    for (let frame = 0; frame < count; frame += 1) {
      this.#layout.setRows(input, frame, this.#rows.frame + frame);
      this.#contexts.forEach(({ frames, level }, slot) => {
        if (frames === 0) this.#layout.setSound(input, frame, slot, this.#id(codes, frame, level));
      });
    }
    return input;
  }

  #id(codes: Int32Array, frame: number, level: number): number {
    return level * this.codebookSize + (codes[frame * this.levels + level] as number);
  }
}
