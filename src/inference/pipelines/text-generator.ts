/** A request for a text becomes events: sequences, tokens, words. */
import { CinegraphError } from '../../errors.ts';
import type { Bundle } from '../core/bundle.ts';
import type { GenerationEvent, GenerationRequest } from '../core/generation.ts';
import { Sequence } from '../core/sequence.ts';
import type { Engine } from '../engine/engine.ts';
import { TextOutput } from '../tokenizers/text-output.ts';
import type { TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { hearableSound } from './heard.ts';
import type { Prefixes } from './prefixes.ts';
import type { Sources } from './prompt.ts';
import { latentsIn, shownClip } from './sound-generator.ts';
import { TokenMeter } from './token-meter.ts';

/** Pieces between two `text` events. */
const PIECES_PER_EVENT = 4;

export interface TextGeneratorParts {
  readonly bundle: Bundle;
  readonly engine: Engine;
  readonly tokenizer: TextTokenizer;
  readonly prefixes: Prefixes;
  readonly executionProvider: string;
}

export class TextGenerator {
  readonly #parts: TextGeneratorParts;

  constructor(parts: TextGeneratorParts) {
    this.#parts = parts;
  }

  /** Throws what the prefix does, INVALID_INPUT, QUEUE_FULL, CANCELED. */
  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const { bundle, engine, prefixes, executionProvider } = this.#parts;
    const { manifest } = bundle;
    const { prefixes: laidOut, warnings } = prefixes.of(request, request.task, this.#sources(request));
    const layout = new TokenLayout(manifest);
    const sequences = Array.from({ length: request.candidates }, (_, candidate) =>
      new Sequence({ requestId: request.id, ...(request.owner !== undefined && { owner: request.owner }), candidate, seed: request.seed, sampling: request.sampling, prefixes: laidOut, output: new TextOutput(manifest, layout) }));
    const tokensTotal = manifest.text.maxTokens * sequences.length;
    const meter = new TokenMeter(tokensTotal, 4 * PIECES_PER_EVENT * sequences.length, performance.now());
    const shown = sequences.map(() => 0);
    let moved = false;
    for await (const _ of engine.generate(sequences, signal)) {
      if (!moved) yield { type: 'started', tokensTotal, executionProvider, bundleDigest: bundle.digest, warnings };
      moved = true;
      const tokens = meter.read(sequences.reduce((done, sequence) => done + sequence.done, 0), performance.now());
      if (tokens !== undefined) yield tokens;
      for (const [candidate, sequence] of sequences.entries()) {
        const before = shown[candidate] as number;
        if (sequence.done === before || (!sequence.ended && sequence.done - before < PIECES_PER_EVENT)) continue;
        shown[candidate] = sequence.done;
        yield { type: 'text', candidate, text: this.#textOf(sequence) };
      }
    }
    yield { type: 'finished' };
  }

  #sources({ task, video, sound }: GenerationRequest): Sources {
    const { bundle } = this.#parts;
    if (task === 'AUDIO_TO_TEXT') return { sound: hearableSound(sound, bundle.manifest) };
    if (video === undefined || latentsIn(video, bundle) < 1) throw new CinegraphError('INVALID_INPUT', 'There is no clip to describe.', { field: ['video'] });
    return { video: shownClip(video, 0, bundle) };
  }

  /** Without the end, and without what is no character. */
  #textOf({ codes, done, input: { output } }: Sequence): string {
    const pieces = [...codes.subarray(0, done)].filter((piece) => piece !== (output as TextOutput).end);
    return this.#parts.tokenizer.decode(pieces).replace(/[\p{Cc}\uFFFD]+/gu, ' ').trim();
  }
}
