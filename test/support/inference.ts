/** The tiny random bundle on the real engine, for laws and edges. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBundle, type Bundle } from '../../src/inference/core/bundle.ts';
import type { GenerationEvent, GenerationRequest, ModelTask, SamplingParams } from '../../src/inference/core/generation.ts';
import { Sequence } from '../../src/inference/core/sequence.ts';
import type { Manifest } from '../../src/inference/core/manifest.ts';
import type { Output } from '../../src/inference/core/output.ts';
import { taskSpec, type TaskSpec } from '../../src/inference/core/task-spec.ts';
import { Engine } from '../../src/inference/engine/engine.ts';
import { openModels, type Models } from '../../src/inference/open-models.ts';
import { Generator } from '../../src/inference/pipelines/generator.ts';
import { layOutPrompt } from '../../src/inference/pipelines/prompt.ts';
import { AudioGrid } from '../../src/inference/tokenizers/audio-grid.ts';
import { AudioOutput } from '../../src/inference/tokenizers/audio-output.ts';
import { TextOutput } from '../../src/inference/tokenizers/text-output.ts';
import { TokenLayout } from '../../src/inference/tokenizers/token-layout.ts';
import { VideoGrid } from '../../src/inference/tokenizers/video-grid.ts';
import { VideoOutput } from '../../src/inference/tokenizers/video-output.ts';
import { TextTokenizer } from '../../src/inference/tokenizers/text-tokenizer.ts';

export const TINY_BUNDLE = fileURLToPath(new URL('./tiny-bundle', import.meta.url));

export const PLAIN: SamplingParams = { temperature: 1, topK: 0, topP: 0.95, guidance: 3, deterministic: true };
export const GREEDY: SamplingParams = { ...PLAIN, temperature: 0 };

/** Bundle and graphs on the CPU, one thread. Owner: the test file, which closes it. */
export interface TinyInference {
  readonly bundle: Bundle;
  readonly models: Models;
  readonly tokenizer: TextTokenizer;
}

export async function openTinyInference(): Promise<TinyInference> {
  const bundle = await openBundle(TINY_BUNDLE);
  const models = await openModels(bundle, { provider: 'cpu', threads: 1 });
  return { bundle, models, tokenizer: TextTokenizer.parse(readFileSync(`${TINY_BUNDLE}/text-tokenizer.json`, 'utf8')) };
}

export interface EngineSettings {
  readonly maxRows?: number;
  readonly maxWaiting?: number;
  readonly batchInvariant?: boolean;
  readonly headInvariant?: boolean;
  readonly aheadInvariant?: boolean;
  readonly prefixBytes?: number;
  readonly positionsPerRun?: number;
}

export function openEngine({ bundle, models }: { readonly bundle: Bundle; readonly models: Pick<Models, 'language'> }, settings: EngineSettings = {}): Engine {
  return new Engine(models.language, bundle.manifest, { maxRows: 8, maxWaiting: 64, batchInvariant: true, headInvariant: true, aheadInvariant: true, ...settings });
}

export function openGenerator({ bundle, models, tokenizer }: TinyInference, engine: Engine): Generator {
  return new Generator({ bundle, engine, tokenizer, decoder: models.decoder, encoder: models.encoder, audio: models.audio, depth: models.depth, enlarger: models.enlarger, executionProvider: 'cpu' });
}

export interface SequenceSettings {
  readonly prompt?: string;
  readonly task?: ModelTask;
  readonly seed?: number;
  readonly candidate?: number;
  readonly owner?: string;
  readonly sampling?: Partial<SamplingParams>;
  readonly forced?: Int32Array;
  readonly condition?: Int32Array;
  /** What the model is shown, and what it hears. */
  readonly video?: Int32Array;
  readonly sound?: Int32Array;
}

export function makeSequence({ bundle, tokenizer }: Pick<TinyInference, 'bundle' | 'tokenizer'>, settings: SequenceSettings = {}): Sequence {
  const { prompt = 'a fox bounces on a red background', task = 'TEXT_TO_VIDEO', seed = 1, candidate = 0, video, sound, owner } = settings;
  const sampling = { ...PLAIN, ...settings.sampling };
  const spec = taskSpec(bundle.manifest, task);
  const { conditional, unconditional } = layOutPrompt(prompt, spec, bundle.manifest, new Set(), tokenizer, { video, sound });
  const prefixes = sampling.guidance === 1 ? [conditional] : [conditional, unconditional];
  return new Sequence({ ...(owner !== undefined && { owner }), requestId: `request-${seed}-${candidate}`, candidate, seed, sampling, prefixes, output: outputOf(bundle.manifest, spec, settings) });
}

function outputOf(manifest: Manifest, spec: TaskSpec, { forced, condition }: SequenceSettings): Output {
  const layout = new TokenLayout(manifest);
  if (spec.task.endsWith('TO_AUDIO')) return new AudioOutput(new AudioGrid(manifest, layout), forced);
  return spec.task.endsWith('TO_TEXT') ? new TextOutput(manifest, layout) : new VideoOutput(new VideoGrid(manifest), { spec, forced, condition });
}

/** Runs sequences to their end. */
export async function runToEnd(engine: Engine, ...sequences: Sequence[]): Promise<void> {
  for await (const _ of engine.generate(sequences, new AbortController().signal));
}

export function makeRequest(changes: Partial<Omit<GenerationRequest, 'sampling'>> & { sampling?: Partial<SamplingParams> } = {}): GenerationRequest {
  return {
    id: 'request',
    task: 'TEXT_TO_VIDEO',
    prompt: 'a fox bounces on a red background',
    seed: 1,
    candidates: 1,
    ...changes,
    sampling: { ...PLAIN, ...changes.sampling },
  };
}

export type FramesEvent = Extract<GenerationEvent, { type: 'frames' }>;

export async function collect(events: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const collected: GenerationEvent[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

export function framesOf(events: readonly GenerationEvent[]): FramesEvent[] {
  return events.filter((event) => event.type === 'frames');
}

/** The final frames of one candidate, in clip order, as one buffer. */
export function clipBytes(events: readonly GenerationEvent[], candidate = 0): Buffer {
  return Buffer.concat(
    framesOf(events)
      .filter((event) => event.final && event.candidate === candidate)
      .flatMap((event) => event.frames.map((frame) => frame.rgb)),
  );
}
