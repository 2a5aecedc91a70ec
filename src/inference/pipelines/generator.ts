/** A request becomes events: prefix rows, sequences, tokens, frames. Text to image and text to video differ only in their task spec. */
import type { Bundle } from '../core/bundle.ts';
import type { GenerationEvent, GenerationRequest } from '../core/generation.ts';
import { Sequence } from '../core/sequence.ts';
import { taskSpec, type TaskSpec } from '../core/task-spec.ts';
import type { Engine } from '../engine/engine.ts';
import type { VideoDecoder } from '../models/video-decoder.ts';
import type { TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { ClipStream } from './clip-stream.ts';
import { layOutPrompt, type LaidOutPrompt } from './prompt.ts';
import { TokenMeter } from './token-meter.ts';

/** Sequences running at once beyond which previews stop: each costs a decode, which for four clips is a fifth of the work. */
const MAX_RUNNING_FOR_PREVIEWS = 4;

export interface GeneratorParts {
  readonly bundle: Bundle;
  readonly engine: Engine;
  readonly decoder: VideoDecoder;
  readonly tokenizer: TextTokenizer;
  readonly executionProvider: string;
}

export class Generator {
  readonly #parts: GeneratorParts;
  readonly #knownWords: ReadonlySet<string>;

  constructor(parts: GeneratorParts) {
    this.#parts = parts;
    this.#knownWords = new Set(parts.bundle.manifest.knownWords);
  }

  /**
   * Streams one request. Leaving the loop or aborting frees its slots within one step.
   * Throws TASK_NOT_SUPPORTED, PROMPT_EMPTY, PROMPT_TOO_LONG, QUEUE_FULL, CANCELED.
   */
  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const { bundle, engine, decoder, tokenizer } = this.#parts;
    const spec = taskSpec(bundle.manifest, request.task);
    const prompt = layOutPrompt(request.prompt, spec, bundle.manifest, this.#knownWords, tokenizer);
    const clips = sequencesFor(request, spec, prompt).map((sequence) => new ClipStream(sequence, decoder));
    const tokensTotal = spec.positions * clips.length;
    let meter: TokenMeter | undefined;
    for await (const _ of engine.generate(clips.map((clip) => clip.sequence), signal)) {
      if (meter === undefined) {
        meter = new TokenMeter(tokensTotal, tokensTotal / spec.grid[0], performance.now());
        yield { type: 'started', tokensTotal, executionProvider: this.#parts.executionProvider, bundleDigest: bundle.digest, warnings: prompt.warnings };
      }
      const tokens = meter.read(clips.reduce((done, clip) => done + clip.sequence.done, 0), performance.now());
      if (tokens !== undefined) yield tokens;
      for (const clip of clips) yield* this.#framesOf(clip, signal);
    }
    yield { type: 'finished' };
  }

  /** What a clip's new codes allow: complete latent frames, and a preview unless too many would wait for the time it costs. */
  async *#framesOf(clip: ClipStream, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const candidate = clip.sequence.input.candidate;
    for (let frames = await clip.next(); frames !== undefined; frames = clip.complete ? undefined : await clip.next()) {
      yield { type: 'frames', candidate, ...frames };
      if (signal.aborted) return;
    }
    if (this.#parts.engine.waiting > 0 || this.#parts.engine.running > MAX_RUNNING_FOR_PREVIEWS) return;
    const preview = await clip.preview();
    if (preview !== undefined) yield { type: 'frames', candidate, ...preview };
  }
}

/** One sequence per candidate; guidance 1 is the conditional row alone. */
function sequencesFor(request: GenerationRequest, spec: TaskSpec, prompt: LaidOutPrompt): Sequence[] {
  const { id: requestId, seed, sampling } = request;
  const prefixes = sampling.guidance === 1 ? [prompt.conditional] : [prompt.conditional, prompt.unconditional];
  return Array.from({ length: request.candidates }, (_, candidate) => new Sequence({ requestId, candidate, seed, spec, sampling, prefixes }));
}
