/** One candidate's sound while it grows, window by window, and the samples that its codes become. */
import { soundHop, type SoundRates, type SoundWindow } from '../core/sound-windows.ts';
import type { AudioCodec, AudioState } from '../models/audio-codec.ts';

/** Frames of a part that is given out: about half a second. */
const PART_FRAMES = 12;

export class Sound {
  readonly candidate: number;
  /** `[F, levels]`; the first `done` codes are valid. */
  readonly codes: Int32Array;
  done = 0;
  readonly #rates: SoundRates;
  readonly #codec: AudioCodec;
  #state: AudioState;
  /** Frames decoded. */
  #decoded = 0;

  constructor(candidate: number, windows: readonly SoundWindow[], rates: SoundRates, codec: AudioCodec) {
    const { framesPerClip, levels } = rates.audio;
    this.candidate = candidate;
    this.codes = new Int32Array(((windows.at(-1)?.start ?? 0) + framesPerClip) * levels);
    this.#rates = rates;
    this.#codec = codec;
    this.#state = codec.initialState();
  }

  /** What a window begins with: the end of what is there. */
  given({ start }: SoundWindow): Int32Array {
    const { framesPerClip, levels } = this.#rates.audio;
    return start === 0 ? new Int32Array(0) : this.codes.slice(start * levels, (start + framesPerClip - soundHop(this.#rates).frames) * levels);
  }

  /** Takes over what a window's sequence has made: the first `done` of `codes`. */
  take({ start }: SoundWindow, codes: Int32Array, done: number): void {
    const first = start * this.#rates.audio.levels;
    for (; this.done < first + done; this.done += 1) this.codes[this.done] = codes[this.done - first] as number;
  }

  /** The next part, when enough of it is there, or when it is the last. */
  async next(): Promise<{ readonly first: number; readonly samples: Float32Array } | undefined> {
    const { levels, samplesPerFrame } = this.#rates.audio;
    const whole = Math.floor(this.done / levels);
    if (whole === this.#decoded || (whole - this.#decoded < PART_FRAMES && this.done < this.codes.length)) return undefined;
    const { samples, state } = await this.#codec.decode(this.codes.slice(this.#decoded * levels, whole * levels), this.#state);
    const first = this.#decoded * samplesPerFrame;
    this.#state = state;
    this.#decoded = whole;
    return { first, samples };
  }
}
