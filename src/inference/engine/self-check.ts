/** Runs each graph once before the first request, and proves that the decode graph writes the cache in place. */
import { openSlots } from '../kv-cache/caches.ts';
import type { PrefixCache } from '../core/cache-view.ts';
import type { Manifest } from '../core/manifest.ts';
import type { AudioCodec } from '../models/audio-codec.ts';
import type { DepthEstimator } from '../models/depth-estimator.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { SuperResolution } from '../models/super-resolution.ts';
import { toRawFrames, type VideoDecoder } from '../models/video-decoder.ts';
import type { VideoEncoder } from '../models/video-encoder.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';

export interface SelfCheck {
  /** Logits `[2, V]` of the first step, to compare providers by. */
  readonly logits: Float32Array;
  /** One warm decode step of two rows, ms. */
  readonly stepMs: number;
  /** The whole check, ms. */
  readonly totalMs: number;
}

export interface CheckedModels {
  readonly language: LanguageModel;
  readonly decoder: VideoDecoder;
  readonly encoder: VideoEncoder;
  readonly audio: AudioCodec | undefined;
  readonly depth: DepthEstimator | undefined;
  readonly enlarger: SuperResolution | undefined;
}

/** A value that no graph writes by chance. */
const MARK = 12_345.5;
const MARKS = 2;
const ROWS = 2;

/** Throws an Error that says which graph misbehaved and how. */
export async function selfCheck(manifest: Manifest, { language: model, decoder, encoder, audio, depth, enlarger }: CheckedModels): Promise<SelfCheck> {
  const startedAt = performance.now();
  const { special, tasks } = manifest.languageModel.rows;
  const layout = new TokenLayout(manifest);
  const prefix = layout.join(layout.plain([special.bos, Object.values(tasks)[0] ?? special.bos, special.bot, special.eot, special.bov]));
  const { kvHeads, headDim } = manifest.languageModel;
  const cache = openSlots<string>({ slots: ROWS, ...model.rowShape }, model.deviceRows(ROWS));
  const prefilled = await model.prefill(prefix);
  for (const layer of [...prefilled.keys, ...prefilled.values]) requireFinite('lm-prefill', layer);
  const view = cache.view(0, ROWS);
  const begun = marked(prefilled, { kvHeads, headDim });
  for (let slot = 0; slot < ROWS; slot += 1) cache.write(slot, begun);
  // int8 entries are rounded as they are written.
  const before = 'device' in view ? begun : await cache.read(0, begun.length);

  const grid = new VideoGrid(manifest);
  const input = layout.empty(ROWS);
  for (let row = 0; row < ROWS; row += 1) grid.write({ codes: new Int32Array(2) }, 0, input, row);
  const lengths = new Int32Array(ROWS).fill(prefix.length);
  const { hidden, logits } = await model.decode(input, lengths, view);
  requireFinite('lm-decode', logits);
  for (let slot = 0; slot < ROWS; slot += 1) requireInPlace(await cache.read(slot, begun.length), before, { headDim, inPlace: !('device' in view) });
  const first = logits.slice();
  const stepAt = performance.now();
  await model.decode(input, lengths, view);
  const stepMs = performance.now() - stepAt;
  await cache.close();
  requireFinite('lm-head', await model.head(hidden, new BigInt64Array(ROWS)));
  const { pixels } = await decoder.decode(new Int32Array(2 * grid.frameSize), decoder.initialState());
  requireFinite('video-decoder', pixels);
  if (enlarger !== undefined) await checkEnlarger(enlarger, pixels);
  const frames = toRawFrames(pixels, manifest.video.width, manifest.video.height, manifest.video.framesPerLatent - 1);
  const codes = await encoder.encode(frames);
  if (codes.length !== grid.frameSize || codes.some((code) => code < 0 || code >= grid.nullCode)) throw new Error('video-encoder returned codes that do not exist');
  await depth?.estimate(frames);
  await checkSound(model, hidden, audio);
  return { logits: first, stepMs, totalMs: performance.now() - startedAt };
}

async function checkEnlarger(enlarger: SuperResolution, pixels: Float32Array): Promise<void> {
  const { pixels: large } = await enlarger.enlarge(pixels, enlarger.initialState());
  requireFinite('super-resolution', large);
  if (large.length !== pixels.length * enlarger.config.scale ** 2) throw new Error(`super-resolution returned ${large.length} values for ${pixels.length}`);
}

/** The heads and graphs of sound and text, where there are any. */
async function checkSound(model: LanguageModel, hidden: Float32Array, audio: AudioCodec | undefined): Promise<void> {
  const { audioHead, textHead } = model.config;
  if (audioHead !== undefined) requireFinite('lm-audio-head', await model.audioHead(hidden, new BigInt64Array(ROWS)));
  if (textHead !== undefined) requireFinite('lm-text-head', await model.textHead(hidden));
  if (audio === undefined) return;
  const { levels, codebookSize, samplesPerFrame } = audio.config;
  const { samples } = await audio.decode(new Int32Array(levels), audio.initialState());
  requireFinite('audio-decoder', samples);
  if (samples.length !== samplesPerFrame) throw new Error(`audio-decoder returned ${samples.length} samples for a frame of ${samplesPerFrame}`);
  const sounds = await audio.encode(samples);
  if (sounds.length !== levels || sounds.some((code) => code < 0 || code >= codebookSize)) throw new Error('audio-encoder returned codes that do not exist');
}

function requireFinite(graph: string, values: Float32Array): void {
  if (!values.every((value) => Number.isFinite(value))) throw new Error(`${graph} returned values that are not finite`);
}

/** `rows` and after each head's entries two of marks. */
function marked({ length, keys, values }: PrefixCache, { kvHeads, headDim }: { kvHeads: number; headDim: number }): PrefixCache {
  const widen = (layer: Float32Array): Float32Array => {
    const wide = new Float32Array(kvHeads * (length + MARKS) * headDim).fill(MARK);
    for (let head = 0; head < kvHeads; head += 1) wide.set(layer.subarray(head * length * headDim, (head + 1) * length * headDim), head * (length + MARKS) * headDim);
    return wide;
  };
  return { length: length + MARKS, keys: keys.map(widen), values: values.map(widen) };
}

/** Each head of `[Kv, length, hd]` begins as it was `before`, has a new entry in place of its first mark, and still the other; a device keeps no more than the entries that are valid. */
function requireInPlace({ length, keys, values }: PrefixCache, before: PrefixCache, { headDim, inPlace }: { headDim: number; inPlace: boolean }): void {
  const olds = [...before.keys, ...before.values];
  for (const [l, layer] of [...keys, ...values].entries()) {
    const old = olds[l] as Float32Array;
    for (let end = length * headDim; end <= layer.length; end += length * headDim) {
      const [entry, next] = [end - MARKS * headDim, end - headDim];
      const isOld = (from: number, to: number): boolean => layer.subarray(from, to).every((value, i) => value === old[from + i]);
      if (!isOld(end - length * headDim, entry)) throw new Error('lm-decode changed the beginning of the cache');
      if (isOld(entry, next)) throw new Error('lm-decode did not write the cache in place');
      if (inPlace && !isOld(next, end)) throw new Error('lm-decode wrote the cache beyond its entry');
    }
  }
}
