/** The samples of a sound that are wanted: `length` of them, behind the first `skip`. */
export interface SoundCut {
  readonly skip: number;
  readonly length: number;
}

/** A part of a sound, from sample `first` on. */
export interface SoundPart {
  readonly first: number;
  readonly samples: Float32Array;
}

/** Gathers the parts of each candidate's sound. Owner: one run. */
export class SoundCollector {
  readonly #cut: SoundCut;
  readonly #sounds: Float32Array<ArrayBuffer>[];
  /** Samples that are there, by candidate. */
  readonly #done: number[];

  constructor(candidates: number, cut: SoundCut) {
    this.#cut = cut;
    this.#sounds = Array.from({ length: candidates }, () => new Float32Array(cut.length));
    this.#done = Array.from({ length: candidates }, () => 0);
  }

  /** Returns what of the part is wanted, counted from the first wanted sample; undefined when nothing is. */
  add(candidate: number, { first, samples }: SoundPart): SoundPart | undefined {
    const sound = this.#sounds[candidate];
    if (sound === undefined) throw new Error(`candidate ${candidate} was not asked for`);
    const begin = Math.max(0, first - this.#cut.skip);
    const own = samples.subarray(Math.max(0, this.#cut.skip - first), Math.max(0, this.#cut.skip + this.#cut.length - first));
    if (own.length === 0) return undefined;
    sound.set(own, begin);
    this.#done[candidate] = begin + own.length;
    return { first: begin, samples: own };
  }

  /** The whole sound; silence where the model made nothing. */
  whole(candidate: number): Float32Array<ArrayBuffer> {
    return this.#sounds[candidate] ?? new Float32Array(this.#cut.length);
  }

  /** What is there of each candidate that has begun. */
  partial(): { readonly candidate: number; readonly samples: Float32Array; readonly complete: boolean }[] {
    return this.#sounds.flatMap((sound, candidate) => {
      const done = this.#done[candidate] ?? 0;
      return done === 0 ? [] : [{ candidate, samples: sound.slice(0, done), complete: done === sound.length }];
    });
  }
}
