/** manifest.json of a model bundle, format 3 or 2, which knows neither sound nor captions (docs/BUNDLE.md), parsed and cross-checked. */
import { z } from 'zod';
import { CinegraphError } from '../../errors.ts';
import { MODEL_TASKS, TASKS, type GenerationTask } from './generation.ts';
import { soundHop } from './sound-windows.ts';

const FORMAT_VERSIONS = [2, 3] as const;

const count = z.int().positive();
const index = z.int().nonnegative();
/** A file inside the bundle folder: forward slashes, no way out of the folder. */
const bundlePath = z.string().regex(/^(?!\/)(?!.*\.\.)[A-Za-z0-9._/-]+$/, 'must be a plain path inside the bundle');
const range = z.object({ start: index, size: count });
const taskRows = z.partialRecord(z.enum(MODEL_TASKS), index);

/** How the decode graph multiplies by the model's matrices (docs/BUNDLE.md, "Precisions"). */
export const PRECISIONS = ['fp32', 'int8', 'dynamic', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];

const video = z.object({
  width: count,
  height: count,
  fps: z.number().positive(),
  grid: z.tuple([count, count, count]),
  framesPerLatent: count,
  subCodebooks: z.tuple([count, count]),
  codebook: bundlePath,
  encoder: z.object({ file: bundlePath }),
  decoder: z.object({ file: bundlePath, states: z.array(z.object({ shape: z.array(count) })) }),
});

const audio = z.object({
  sampleRate: count,
  samplesPerFrame: count,
  levels: count,
  codebookSize: count,
  framesPerClip: count,
  encoder: z.object({ file: bundlePath }),
  decoder: z.object({ file: bundlePath, states: z.array(z.object({ shape: z.array(count) })) }),
});

/** The control video of stylization (training/cinegraph_training/control.py). */
const control = z.object({
  depth: z.object({ file: bundlePath }),
  /** Of the grey frames that flow is estimated on, px. */
  side: count,
  /** Farneback's method: docs/BUNDLE.md. */
  pyramidScale: z.number().positive().lt(1),
  pyramidLevels: count,
  window: count,
  iterations: count,
  neighbourhood: count,
  neighbourhoodSigma: z.number().positive(),
  /** The value of no motion, and values per px of motion in a frame. */
  flowZero: z.number(),
  flowGain: z.number(),
  /** Standard deviations, px: of the frame, and of `side`. */
  depthBlur: z.number().positive(),
  flowBlur: z.number().positive(),
});

/** Frames `scale` times as wide and high, latent frame by latent frame. */
const superResolution = z.object({ file: bundlePath, scale: z.literal(2), states: z.array(z.object({ shape: z.array(count) })) });

const sampling = z.object({
  temperature: z.number().min(0).max(2),
  topK: z.int().nonnegative(),
  topP: z.number().positive().max(1),
  guidance: z.number().min(1).max(20),
});

const languageModel = z.object({
  layers: count,
  width: count,
  heads: count,
  kvHeads: count,
  headDim: count,
  maxLength: count,
  outputSize: count,
  /** Clips longer than the grid: latent frames of a window, the first `overlap` of which are the end of what is there. */
  windows: z.object({ latents: count, overlap: count }),
  prefill: bundlePath,
  /** Given positions of a row in one run. */
  given: bundlePath.optional(),
  together: bundlePath.optional(),
  decode: bundlePath,
  /** The decode graph in precisions other than fp32. */
  precisions: z.partialRecord(z.enum(PRECISIONS).exclude(['fp32']), bundlePath).default({}),
  /** The same graphs on int8 caches (docs/BUNDLE.md): kernels of the CPU. */
  int8Cache: z.object({
    /** Of each layer: what one step of a key, and of a value, stands for. */
    scales: z.array(z.tuple([z.number().positive(), z.number().positive()])),
    given: bundlePath.optional(),
    together: bundlePath.optional(),
    decode: bundlePath,
    precisions: z.partialRecord(z.enum(PRECISIONS).exclude(['fp32']), bundlePath).default({}),
  }).optional(),
  head: bundlePath,
  audioHead: bundlePath.optional(),
  textHead: bundlePath.optional(),
  audioContexts: z.array(z.object({ frames: z.int().nonpositive(), level: index })).optional(),
  outputRanges: z.object({ video: range }),
  rows: z.object({
    special: z.object({ bos: index, eos: index, bot: index, eot: index, bov: index, none: index.optional(), bov_i: index.optional(), eov_i: index.optional(), boa_i: index.optional(), eoa_i: index.optional(), boa: index.optional(), bot_o: index.optional() }),
    tasks: taskRows,
    text: range,
    positions: z.object({ t: index, y: index, x: index }),
    /** First row of the audio frames, and of the levels. */
    audio: z.object({ frame: index, level: index }).optional(),
    contexts: z.array(z.object({ offset: z.tuple([z.int(), z.int(), z.int()]), source: z.enum(['output', 'condition']), a: index })),
  }),
});

const manifestSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSIONS),
  name: z.string().min(1),
  description: z.string(),
  createdAt: z.iso.datetime({ offset: true }),
  trainingCommit: z.string(),
  tasks: z.array(z.enum(TASKS)).nonempty(),
  languages: z.array(z.string()).nonempty(),
  video,
  audio: audio.optional(),
  control: control.optional(),
  superResolution: superResolution.optional(),
  languageModel,
  text: z.object({ file: bundlePath, maxTokens: count, maxCharacters: count }),
  sampling,
  audioSampling: sampling.optional(),
  textSampling: sampling.optional(),
  /** Of tasks that are drawn in another way than what they make is. */
  taskSampling: z.partialRecord(z.enum(TASKS), sampling).default({}),
  knownWords: z.array(z.string()),
  examples: z.array(z.string()),
  evaluation: z.record(z.string(), z.unknown()),
  licences: z.array(z.object({ name: z.string(), licence: z.string(), use: z.string() })),
  files: z.array(z.object({ path: bundlePath, byteSize: index, sha256: z.string().regex(/^[0-9a-f]{64}$/) })).nonempty(),
});

export type Manifest = Readonly<z.infer<typeof manifestSchema>>;

/** Parses the bytes of manifest.json. Throws BUNDLE_CORRUPT naming the field and what is wrong with it. */
export function parseManifest(text: string): Manifest {
  const json = parseJson(text);
  const version = (json as { formatVersion?: unknown } | null)?.formatVersion;
  if (!FORMAT_VERSIONS.some((known) => known === version)) {
    throw corrupt(`formatVersion is ${JSON.stringify(version)}, this server reads the formats ${FORMAT_VERSIONS.join(' and ')}`);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    throw corrupt(parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`).join('; '));
  }
  const fault = findFault(parsed.data);
  if (fault !== undefined) throw corrupt(fault);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt(`not valid JSON (${(cause as Error).message})`);
  }
}

/** Rules that span fields; the first broken one in words, undefined when all hold. */
function findFault(manifest: Manifest): string | undefined {
  const { tasks, video, audio: sound, languageModel: model, text, files } = manifest;
  const [frames, height, width] = video.grid;
  const listed = new Set(files.map((file) => file.path));
  const { int8Cache } = model;
  const cached = int8Cache === undefined ? [] : [int8Cache.decode, int8Cache.given, int8Cache.together, ...Object.values(int8Cache.precisions)];
  const missing = [model.prefill, model.decode, model.given, model.together, ...Object.values(model.precisions), ...cached, model.head, video.codebook, video.encoder.file, video.decoder.file, text.file, model.audioHead, model.textHead, sound?.encoder.file, sound?.decoder.file, manifest.control?.depth.file, manifest.superResolution?.file].find((path) => path !== undefined && !listed.has(path));
  if (missing !== undefined) return `files does not list ${missing}`;
  if (listed.size !== files.length) return 'files lists a path twice';
  const output = model.outputRanges.video;
  if (output.size !== video.subCodebooks[0]) return 'languageModel.outputRanges.video.size is not video.subCodebooks[0]';
  if (output.start + output.size > model.outputSize) return 'languageModel.outputRanges.video ends after outputSize';
  if (model.heads % model.kvHeads !== 0) return 'languageModel.heads is not a multiple of kvHeads';
  if (int8Cache !== undefined && int8Cache.scales.length !== model.layers) return 'languageModel.int8Cache.scales does not have an entry for each layer';
  const { windows } = model;
  if (windows.overlap >= windows.latents || windows.latents > frames) return 'languageModel.windows: overlap must be smaller than latents, latents at most video.grid[0]';
  const task = tasks.flatMap((name) => (name === 'FILM' ? (['TEXT_TO_VIDEO', 'EXTEND_VIDEO'] as const) : [name])).find((name) => model.rows.tasks[name] === undefined);
  if (task !== undefined) return `languageModel.rows.tasks has no row for ${task}`;
  if (tasks.includes('STYLIZE_VIDEO') && manifest.control === undefined) return 'STYLIZE_VIDEO needs control';
  const forward = model.rows.contexts.find(({ offset: [dt, dy, dx], source }) => source === 'output' && (dt > 0 || (dt === 0 && (dy > 0 || (dy === 0 && dx >= 0)))));
  if (forward !== undefined) return `languageModel.rows.contexts: offset [${forward.offset.join(', ')}] does not point backwards`;
  const clip = frames * height * width;
  const needed = Math.max(...tasks.map((name) => PREFIX_SPECIALS + text.maxTokens + lengthOf(name, clip, manifest)));
  if (needed > model.maxLength) return `languageModel.maxLength is ${model.maxLength}, prefix and output need ${needed}`;
  return soundFault(manifest);
}

/** Tokens of a task's sources with the marks around them, and of its output. */
function lengthOf(task: GenerationTask, clip: number, { audio: sound }: Manifest): number {
  const frames = sound?.framesPerClip ?? 0;
  const notes = frames * (sound?.levels ?? 0);
  switch (task) {
    case 'TEXT_TO_AUDIO':
      return notes;
    case 'VIDEO_TO_AUDIO':
      return 2 + clip + notes;
    case 'AUDIO_TO_VIDEO':
      return 2 + frames + clip;
    case 'VIDEO_TO_TEXT':
      return 2 + clip;
    case 'AUDIO_TO_TEXT':
      return 2 + frames;
    default:
      return clip;
  }
}

/** What the tasks of sound and text need; undefined when it is there. */
function soundFault({ tasks, video, audio: sound, audioSampling, textSampling, languageModel: model }: Manifest): string | undefined {
  const { special, audio: rows } = model.rows;
  const heard = tasks.find((task) => task.includes('AUDIO'));
  const written = tasks.find((task) => task.endsWith('TO_TEXT'));
  const marks = special.none !== undefined && special.bov_i !== undefined && special.eov_i !== undefined && special.boa_i !== undefined && special.eoa_i !== undefined;
  if ((heard !== undefined || written !== undefined) && !marks) return `languageModel.rows.special lacks what ${heard ?? written} needs`;
  if (written !== undefined && (model.textHead === undefined || textSampling === undefined || special.bot_o === undefined)) return `${written} needs languageModel.textHead, textSampling and the row bot_o`;
  if (heard === undefined) return undefined;
  if (sound === undefined || audioSampling === undefined || model.audioHead === undefined || model.audioContexts === undefined || rows === undefined || special.boa === undefined) {
    return `${heard} needs audio, audioSampling, languageModel.audioHead, audioContexts, rows.audio and the row boa`;
  }
  if (model.audioContexts.some(({ level }) => level >= sound.levels)) return 'languageModel.audioContexts: a level that audio does not have';
  const hop = soundHop({ ...video, audio: sound });
  if (hop.frames >= sound.framesPerClip) return `audio.framesPerClip is ${sound.framesPerClip}: windows are ${hop.frames} apart`;
  return undefined;
}

/** `<bos> <task> <bot> ... <eot> <bov>` */
export const PREFIX_SPECIALS = 5;

function corrupt(what: string): CinegraphError {
  return new CinegraphError('BUNDLE_CORRUPT', `The model bundle cannot be used: manifest.json: ${what}.`);
}
