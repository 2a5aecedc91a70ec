/** The inference process's side of the conversation: opens the bundle, then answers requests. */
import { openBundle, bundleFile, describeBundle, type Bundle } from '../core/bundle.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CinegraphError } from '../../errors.ts';
import type { CacheUsage, GenerationRequest, InferenceInfo, RawFrame } from '../core/generation.ts';
import type { KeptFile } from '../core/kept-file.ts';
import { Engine } from '../engine/engine.ts';
import { proveInvariance } from '../engine/invariance-proof.ts';
import { choosePrecisions } from '../engine/precision-choice.ts';
import { openModels, type Models } from '../open-models.ts';
import type { SessionOptions } from '../runtime/graph-session.ts';
import { Generator } from '../pipelines/generator.ts';
import { defaultThreads, deviceName } from '../runtime/device.ts';
import { noGpuKey, processorKey } from '../runtime/machine.ts';
import { chooseProvider, type ProviderChoice } from '../runtime/provider-choice.ts';
import { probeProvider } from '../runtime/provider-probe.ts';
import { TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { toFailure } from './failure.ts';
import type { Report, StartOptions } from './messages.ts';

export interface InferenceHost {
  readonly info: InferenceInfo;
  /** Streams one request to the end, whatever the end is. Never throws. */
  generate(ticket: number, request: GenerationRequest): Promise<void>;
  /** Answers with the frames' codes. Never throws. */
  encode(ticket: number, frames: readonly RawFrame[]): Promise<void>;
  encodeControl(ticket: number, frames: readonly RawFrame[]): Promise<void>;
  encodeSound(ticket: number, samples: Float32Array): Promise<void>;
  /** Answers with the codes' samples. Never throws. */
  decodeSound(ticket: number, codes: Int32Array): Promise<void>;
  cancel(ticket: number): void;
  usage(): CacheUsage;
}

/** Throws BUNDLE_CORRUPT and PROVIDER_UNAVAILABLE. */
export async function openInferenceHost(options: StartOptions, send: (report: Report) => Promise<void>): Promise<InferenceHost> {
  const bundle = await openBundle(options.bundleDir);
  const threads = options.threads === 0 ? defaultThreads() : options.threads;
  const noGpu = options.provider === 'auto' ? await noGpuKey() : undefined;
  const trials = noGpu === undefined ? undefined : keptIn(options, 'trials', `${bundle.digest}, ${noGpu}, ${threads} threads`);
  const choice = await chooseProvider(options.provider, async (provider) => await probeProvider(provider, { bundleDir: options.bundleDir, threads }), trials);
  const int8Cache = options.findingsDir !== undefined && options.precision === 'auto';
  const models = await openCheckedModels(bundle, choice, { threads, int8Cache });
  const tokenizer = TextTokenizer.parse(await readFile(bundleFile(bundle, bundle.manifest.text.file), 'utf8'), bundle.manifest.text.file);
  const device = deviceName(choice.provider, threads);
  const precisions = await choosePrecisions(bundle.manifest, models.language, options.maxRows, options.precision === 'fp32' ? undefined : keptIn(options, 'precisions', `${bundle.digest}, ${device}, ${options.maxRows} rows`));
  // What a GPU's driver does is looked at anew at each start.
  const kept = choice.provider === 'cpu' ? keptIn(options, 'invariance', `${bundle.digest}, ${await processorKey()}, ${threads} threads, ${int8Cache ? 'int8' : 'float32'} caches`) : undefined;
  const { known, ...invariance } = await proveInvariance(bundle.manifest, models.language, precisions, { ...options, kept });
  await send({ type: 'log', level: 'info', message: 'precision and batch invariance', details: { ...precisions.plan, ...invariance, provenBefore: known } });
  const engine = new Engine(models.language, bundle.manifest, { ...options, ...invariance });
  const generator = new Generator({ bundle, engine, tokenizer, decoder: models.decoder, encoder: models.encoder, audio: models.audio, depth: models.depth, enlarger: models.enlarger, executionProvider: choice.provider });
  const info: InferenceInfo = {
    // The default where it costs nothing (bench/determinism.md).
    bundle: describeBundle(bundle, invariance.batchInvariant && invariance.aheadInvariant),
    executionProvider: choice.provider,
    device: `${choice.provider}: ${device}`,
    providerNotes: choice.notes,
    threads,
    selfCheckMs: models.check.totalMs,
  };
  return { info, usage: () => engine.usage, ...answerRequests(generator, send) };
}

function keptIn({ findingsDir }: StartOptions, name: string, holdsFor: string): KeptFile | undefined {
  return findingsDir === undefined ? undefined : { file: join(findingsDir, `${name}.json`), holdsFor };
}

function answerRequests(generator: Generator, send: (report: Report) => Promise<void>): Omit<InferenceHost, 'info' | 'usage'> {
  const running = new Map<number, AbortController>();
  const answer = async (ticket: number, name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const controller = new AbortController();
    running.set(ticket, controller);
    try {
      await work(controller.signal);
      await send({ type: 'ended', ticket });
    } catch (error) {
      if (!(error instanceof CinegraphError)) await send(logOf(name, error));
      await send({ type: 'ended', ticket, failure: toFailure(error) });
    } finally {
      running.delete(ticket);
    }
  };
  return {
    generate: async (ticket, request) =>
      await answer(ticket, request.id, async (signal) => {
        for await (const event of generator.generate(request, signal)) await send({ type: 'event', ticket, event });
      }),
    encode: async (ticket, frames) => await answer(ticket, 'encode', async (signal) => await send({ type: 'encoded', ticket, codes: await generator.encode(frames, signal) })),
    encodeControl: async (ticket, frames) => await answer(ticket, 'encode a control video', async (signal) => await send({ type: 'encoded', ticket, codes: await generator.encodeControl(frames, signal) })),
    encodeSound: async (ticket, samples) => await answer(ticket, 'encode a sound', async () => await send({ type: 'encoded', ticket, codes: await generator.encodeSound(samples) })),
    decodeSound: async (ticket, codes) => await answer(ticket, 'decode a sound', async () => await send({ type: 'decoded', ticket, samples: await generator.decodeSound(codes) })),
    cancel(ticket) {
      running.get(ticket)?.abort();
    },
  };
}

/** The provider passed its trial, or is the CPU: a graph that fails now is a damaged bundle. */
async function openCheckedModels(bundle: Bundle, { provider, onCpu }: ProviderChoice, options: Pick<SessionOptions, 'threads' | 'int8Cache'>): Promise<Models> {
  try {
    return await openModels(bundle, { provider, onCpu, ...options });
  } catch (cause) {
    if (cause instanceof CinegraphError) throw cause;
    throw new CinegraphError('BUNDLE_CORRUPT', `The model bundle cannot be used: ${(cause as Error).message}`, { cause });
  }
}

function logOf(id: string, error: unknown): Report {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: 'log', level: 'error', message: 'a generation failed', details: { request: id, stack } };
}
