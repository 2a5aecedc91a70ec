/** A request for a sound becomes events: windows, sequences, tokens, samples. */
import { CinegraphError } from '../../errors.ts';
import type { Bundle } from '../core/bundle.ts';
import type { GenerationEvent, GenerationRequest } from '../core/generation.ts';
import { Sequence } from '../core/sequence.ts';
import { planSoundWindows, type SoundRates, type SoundWindow } from '../core/sound-windows.ts';
import type { Engine } from '../engine/engine.ts';
import type { AudioCodec } from '../models/audio-codec.ts';
import { AudioGrid } from '../tokenizers/audio-grid.ts';
import { AudioOutput } from '../tokenizers/audio-output.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import type { Prefixes } from './prefixes.ts';
import { Sound } from './sound.ts';
import { TokenMeter } from './token-meter.ts';

export interface SoundGeneratorParts {
  readonly bundle: Bundle;
  readonly engine: Engine;
  readonly audio: AudioCodec;
  readonly prefixes: Prefixes;
  readonly executionProvider: string;
}

export class SoundGenerator {
  readonly #parts: SoundGeneratorParts;
  readonly #rates: SoundRates;
  readonly #grid: AudioGrid;

  constructor(parts: SoundGeneratorParts) {
    const { manifest } = parts.bundle;
    this.#parts = parts;
    this.#rates = { ...manifest.video, audio: parts.audio.config };
    this.#grid = new AudioGrid(manifest, new TokenLayout(manifest));
  }

  /** Throws what the prefix does, INVALID_INPUT, QUEUE_FULL, CANCELED. */
  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const { bundle, engine, audio, prefixes, executionProvider } = this.#parts;
    const windows = this.#windows(request);
    const sounds = Array.from({ length: request.candidates }, (_, candidate) => new Sound(candidate, windows, this.#rates, audio));
    const perWindow = this.#grid.framesPerClip * this.#grid.levels * sounds.length;
    const tokensTotal = perWindow * windows.length;
    const meter = new TokenMeter(tokensTotal, (audio.config.sampleRate / audio.config.samplesPerFrame) * this.#grid.levels * sounds.length, performance.now());
    for (const [index, window] of windows.entries()) {
      const { prefixes: laidOut, warnings } = prefixes.of(request, request.task, { video: this.#shown(request, window) });
      const sequences = sounds.map(
        (sound) =>
          new Sequence({
            requestId: request.id, ...(request.owner !== undefined && { owner: request.owner }), candidate: sound.candidate, seed: request.seed, sampling: request.sampling, prefixes: laidOut,
            output: new AudioOutput(this.#grid, sound.given(window)), firstPosition: window.start * this.#grid.levels,
          }),
      );
      let moved = false;
      for await (const _ of engine.generate(sequences, signal)) {
        if (!moved && index === 0) {
          meter.start(performance.now());
          yield { type: 'started', tokensTotal, executionProvider, bundleDigest: bundle.digest, warnings };
        }
        if (!moved && windows.length > 1) yield { type: 'window', index, count: windows.length, made: [] };
        moved = true;
        sounds.forEach((sound, i) => sound.take(window, (sequences[i] as Sequence).codes, (sequences[i] as Sequence).done));
        const tokens = meter.read(index * perWindow + sequences.reduce((done, sequence) => done + sequence.done, 0), performance.now());
        if (tokens !== undefined) yield tokens;
        for (const sound of sounds) {
          const part = await sound.next();
          if (part !== undefined) yield { type: 'sound', candidate: sound.candidate, ...part };
        }
      }
    }
    for (const { candidate, codes } of sounds) yield { type: 'codes', candidate, codes };
    yield { type: 'finished' };
  }

  #windows({ task, video }: GenerationRequest): SoundWindow[] {
    if (task === 'TEXT_TO_AUDIO') return [{ latent: 0, start: 0 }];
    if (video === undefined) throw new CinegraphError('INVALID_INPUT', 'There is no clip to make the sound of.', { field: ['video'] });
    return planSoundWindows(latentsIn(video, this.#parts.bundle), this.#rates);
  }

  /** What the model is shown of the clip. */
  #shown({ task, video }: GenerationRequest, { latent }: SoundWindow): Int32Array | undefined {
    return task === 'TEXT_TO_AUDIO' || video === undefined ? undefined : shownClip(video, latent, this.#parts.bundle);
  }
}

/** Throws INVALID_INPUT: not whole latent frames, or codes that do not exist. */
export function latentsIn(video: Int32Array, { manifest: { video: { grid: [, height, width], subCodebooks: [a, b] } } }: Bundle): number {
  const latents = video.length / (height * width);
  if (!Number.isInteger(latents) || latents < 1) throw new CinegraphError('INVALID_INPUT', `${video.length} codes are no whole frames.`, { field: ['video'] });
  if (video.some((code) => code >= a * b)) throw new CinegraphError('INVALID_INPUT', `Codes are smaller than ${a * b}.`, { field: ['video'] });
  return latents;
}

/** As many latent frames as the model is shown at once, from `first` on; the last one again where there are no more. */
export function shownClip(video: Int32Array, first: number, { manifest: { video: { grid: [latents, height, width] } } }: Bundle): Int32Array {
  const size = height * width;
  const last = video.length / size - 1;
  return Int32Array.from({ length: latents * size }, (_, i) => video[Math.min(first + Math.floor(i / size), last) * size + (i % size)] as number);
}
