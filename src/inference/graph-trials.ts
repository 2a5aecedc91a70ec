/** Tries each graph of a bundle on a device against the processor: those that do not load, run or agree run on the processor, and it is said why. */
import type { Bundle } from './core/bundle.ts';
import type { Manifest } from './core/manifest.ts';
import type { Prefix } from './core/step-input.ts';
import { KvCache } from './kv-cache/kv-cache.ts';
import { AudioCodec } from './models/audio-codec.ts';
import { DepthEstimator } from './models/depth-estimator.ts';
import { LanguageModel } from './models/language-model.ts';
import { SuperResolution } from './models/super-resolution.ts';
import { VideoDecoder } from './models/video-decoder.ts';
import { VideoEncoder } from './models/video-encoder.ts';
import type { SessionOptions } from './runtime/graph-session.ts';
import type { Refusal } from './runtime/provider-choice.ts';
import { TokenLayout } from './tokenizers/token-layout.ts';
import { VideoGrid } from './tokenizers/video-grid.ts';
import { rotatingCodes, sampleFrames } from './trial-inputs.ts';

type Values = Float32Array | Int32Array | Uint8Array;

/** Where a graph is tried: the language model's graphs are open there. */
interface Place {
  readonly bundle: Bundle;
  readonly options: SessionOptions;
  readonly language: LanguageModel;
}

/** Runs one graph; undefined where the bundle has none. */
interface Trial {
  readonly file: string | undefined;
  run(place: Place): Promise<Values | undefined>;
}

/** Relative to the largest value. GPU kernels add in another order; wrong results are off by far more. */
export const TOLERANCE = 1e-2;
/** Of codes, each the nearest of many: where two are as near, rounding decides. */
const OTHER_CODES = 0.05;

/**
 * Graphs that have to run on the processor where `options` name a device. The decode graph is not among them: without it the device is of no use. Throws when the language
 * model does not load there.
 */
export async function findRefusals(bundle: Bundle, options: SessionOptions): Promise<readonly Refusal[]> {
  const device = { bundle, options, language: await LanguageModel.open(bundle, options) };
  const cpuOptions = { ...options, provider: 'cpu' as const };
  const cpu = { bundle, options: cpuOptions, language: await LanguageModel.open(bundle, cpuOptions) };
  const refusals: Refusal[] = [];
  for (const { file, run } of trialsOf(bundle.manifest)) {
    if (file === undefined) continue;
    const expected = await run(cpu);
    const reason = await run(device).then(
      (found) => differenceOf(expected, found),
      (error: Error) => `it does not run there (${error.message.trim().split('\n')[0]})`,
    );
    if (reason !== undefined) refusals.push({ file, reason });
  }
  await Promise.all([device.language.close(), cpu.language.close()]);
  return refusals;
}

function differenceOf(expected: Values | undefined, found: Values | undefined): string | undefined {
  if (expected === undefined || found === undefined) return undefined;
  if (expected.length !== found.length) return `it gives ${found.length} values there, not ${expected.length}`;
  if (expected instanceof Int32Array) {
    const others = expected.filter((code, i) => code !== found[i]).length / expected.length;
    return others > OTHER_CODES ? `${(100 * others).toFixed(0)} % of its codes differ there` : undefined;
  }
  const values = Float32Array.from(expected);
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const worst = values.reduce((max, value, i) => Math.max(max, Math.abs(value - (found[i] as number))), 0);
  return worst <= TOLERANCE * largest ? undefined : `its results differ there by ${(worst / largest).toPrecision(2)} of the largest`;
}

function trialsOf(manifest: Manifest): readonly Trial[] {
  const { languageModel: model, video, audio, control, superResolution } = manifest;
  return [
    { file: model.prefill, run: async ({ language }) => (await language.prefill(prefixOf(manifest))).keys.at(-1) },
    { file: model.given, run: async ({ language }) => await givenKeys(language, manifest) },
    { file: model.head, run: async ({ language }) => await language.head(hiddenOf(language), new BigInt64Array(1)) },
    { file: model.audioHead, run: async ({ language }) => await language.audioHead(hiddenOf(language), new BigInt64Array(1)) },
    { file: model.textHead, run: async ({ language }) => await language.textHead(hiddenOf(language)) },
    { file: video.decoder.file, run: async ({ bundle, options }) => await using(await VideoDecoder.open(bundle, options), async (decoder) => (await decoder.decode(rotatingCodes(manifest, 2), decoder.initialState())).pixels) },
    { file: video.encoder.file, run: async ({ bundle, options }) => await using(await VideoEncoder.open(bundle, options), async (encoder) => await encoder.encode(sampleFrames(1, video.width, video.height))) },
    { file: audio?.decoder.file, run: async ({ bundle, options }) => await using(await AudioCodec.open(bundle, options), decodedSound) },
    { file: audio?.encoder.file, run: async ({ bundle, options }) => await using(await AudioCodec.open(bundle, options), async (codec) => await codec.encode(Float32Array.from({ length: 4 * codec.config.samplesPerFrame }, (_, i) => 0.3 * Math.sin(i * i * 1e-3)))) },
    { file: control?.depth.file, run: async ({ bundle, options }) => await using(await DepthEstimator.open(bundle, options), async (depth) => (await depth.estimate(sampleFrames(1, video.width, video.height)))[0]) },
    { file: superResolution?.file, run: async ({ bundle, options }) => await using(await SuperResolution.open(bundle, options), async (enlarger) => await enlarged(enlarger, manifest)) },
  ];
}

async function using<Model extends { close(): Promise<void> }, Result>(model: Model | undefined, work: (model: Model) => Promise<Result>): Promise<Result | undefined> {
  try {
    return model === undefined ? undefined : await work(model);
  } finally {
    await model?.close();
  }
}

async function decodedSound(codec: AudioCodec): Promise<Float32Array> {
  const { levels, codebookSize } = codec.config;
  return (await codec.decode(Int32Array.from({ length: 4 * levels }, (_, i) => (7 * i) % codebookSize), codec.initialState())).samples;
}

function hiddenOf({ config }: LanguageModel): Float32Array {
  return Float32Array.from({ length: config.width }, (_, i) => Math.sin(i));
}

/** The keys that two given positions write. */
async function givenKeys(language: LanguageModel, manifest: Manifest): Promise<Float32Array> {
  const { layers, kvHeads, maxLength, headDim } = manifest.languageModel;
  const prefix = await language.prefill(prefixOf(manifest));
  const slot = new KvCache<never>({ slots: 1, layers, kvHeads, maxLength, headDim });
  slot.write(0, prefix);
  const [grid, told] = [new VideoGrid(manifest), new TokenLayout(manifest).empty(2)];
  for (let row = 0; row < 2; row += 1) grid.write({ codes: rotatingCodes(manifest, 1) }, row, told, row);
  await language.given(told, prefix.length, slot.view(0, 1));
  return slot.read(0, prefix.length + 2).keys.at(-1) as Float32Array;
}

function prefixOf(manifest: Manifest): Prefix {
  const { special, tasks } = manifest.languageModel.rows;
  const layout = new TokenLayout(manifest);
  return layout.join(layout.plain([special.bos, Object.values(tasks)[0] ?? special.bos, special.bot, special.eot, special.bov]));
}

async function enlarged(enlarger: SuperResolution, manifest: Manifest): Promise<Float32Array> {
  const { width, height, framesPerLatent } = manifest.video;
  const pixels = Float32Array.from({ length: framesPerLatent * 3 * width * height }, (_, i) => 0.5 + 0.5 * Math.sin(i * 0.37));
  return (await enlarger.enlarge(pixels, enlarger.initialState())).pixels;
}
