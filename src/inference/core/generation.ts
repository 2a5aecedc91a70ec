/** The language between the job runner and the inference process: one request, a stream of events. */
import type { Style } from './styles.ts';

/** What one request to the model can ask for. */
export const MODEL_TASKS = [
  'TEXT_TO_IMAGE', 'TEXT_TO_VIDEO', 'IMAGE_TO_VIDEO', 'EXTEND_VIDEO', 'INPAINT_VIDEO', 'OUTPAINT_VIDEO', 'EDIT_VIDEO', 'STYLIZE_VIDEO',
  'TEXT_TO_AUDIO', 'VIDEO_TO_AUDIO', 'AUDIO_TO_VIDEO', 'VIDEO_TO_TEXT', 'AUDIO_TO_TEXT',
] as const;
export type ModelTask = (typeof MODEL_TASKS)[number];
/** What a job can ask for. A film is made of several requests. */
export const TASKS = [...MODEL_TASKS, 'FILM'] as const;
export type GenerationTask = (typeof TASKS)[number];

export const MAX_CANDIDATES = 4;
export const MAX_SEED = 2 ** 31 - 1;

/** Length of a prompt in code points: what `maxPromptCharacters` limits, for callers and engine alike. */
export function countCharacters(prompt: string): number {
  return Array.from(prompt).length;
}

/** How the next token is drawn. All values resolved; the manifest holds the defaults. */
export interface SamplingParams {
  /** 0 means argmax. Range 0 to 2. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Nucleus: keep the smallest set of tokens whose probability reaches p. Range (0, 1]. */
  readonly topP: number;
  /** Classifier-free guidance: logits = uncond + guidance * (cond - uncond). 1 runs without the unconditional row. Range 1 to 20. */
  readonly guidance: number;
  /** The same bytes whatever runs beside (on one machine, with one thread count). */
  readonly deterministic: boolean;
}

export interface GenerationRequest {
  /** Unique among running requests. */
  readonly id: string;
  /** Whom it is for: requests of one owner share what is that owner's part of the model. Default: the request stands for itself. */
  readonly owner?: string | undefined;
  readonly task: ModelTask;
  /** Empty where something else says what to make. */
  readonly prompt: string;
  /** What is known of the clip before it is made; without it everything is generated. */
  readonly source?: ClipSource | undefined;
  /** What the model is shown of a clip: codes `[latents, H, W]`. For VIDEO_TO_AUDIO of any length, window by window; VIDEO_TO_TEXT looks at the first window. */
  readonly video?: Int32Array | undefined;
  /** What the model hears: codes `[F, levels]`; of more than a clip's length the beginning, after less comes nothing. */
  readonly sound?: Int32Array | undefined;
  /** STYLIZE_VIDEO: codes `[latents, H, W]` of the control video that the clip follows, as {@link InferenceClient.encodeControl} gives them. */
  readonly control?: Int32Array | undefined;
  /** 0 to 2^31 - 1. Candidate c draws from its own counter-based stream (seed, c). */
  readonly seed: number;
  /** 1 to 4. */
  readonly candidates: number;
  readonly sampling: SamplingParams;
  /** Frames come out at {@link BundleInfo.upscaled}; those of a preview with every pixel several times. */
  readonly upscale?: boolean | undefined;
  /**
   * Codes `[latents, H, W]` of each candidate that an earlier run of the same request made: those of a `window` event. Windows that are whole
   * in them are not made again; the result is the same.
   */
  readonly resume?: readonly Int32Array[] | undefined;
}

/** A clip of which some positions are known: they are kept, the others generated, window by window where the clip is longer than the model's grid. */
export interface ClipSource {
  /** Latent frames of the finished clip: `1 + (frames - 1) / framesPerLatent`. */
  readonly latents: number;
  /** `[latents, H, W]` codes `a * B + b`, {@link UNKNOWN} where the model is to make one. Shorter than the clip: the rest is unknown. */
  readonly codes: Int32Array;
}

/** A position of a {@link ClipSource} that is to be generated. */
export const UNKNOWN = -1;

/** The longest clip, in latent frames: 60 s at 8 frames per second. */
export const MAX_LATENTS = 121;

export interface GenerationWarning {
  readonly code: 'WORDS_UNKNOWN' | 'PROMPT_TRUNCATED';
  readonly message: string;
}

/** One decoded frame: RGB, 8 bits, row-major, `width * height * 3` bytes. */
export interface RawFrame {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

export type GenerationEvent =
  | {
      readonly type: 'started';
      readonly tokensTotal: number;
      readonly executionProvider: string;
      readonly bundleDigest: string;
      readonly warnings: readonly GenerationWarning[];
    }
  /** At most a few per latent frame. tokensPerSecond over the whole request so far. */
  | { readonly type: 'tokens'; readonly tokensDone: number; readonly tokensTotal: number; readonly tokensPerSecond: number; readonly etaMs: number }
  /** final false: a preview of a latent frame that is still incomplete; it is replaced by a later event. */
  | { readonly type: 'frames'; readonly candidate: number; readonly firstFrame: number; readonly frames: readonly RawFrame[]; readonly final: boolean }
  /**
   * A clip longer than the model's grid is made in windows: the `index`th of `count` begins. made: what there is before it, the codes of each
   * candidate; empty before the first.
   */
  | { readonly type: 'window'; readonly index: number; readonly count: number; readonly made: readonly Int32Array[] }
  /** Samples of a candidate's sound, mono, -1 to 1, from sample `first` on. The parts follow each other without a gap. */
  | { readonly type: 'sound'; readonly candidate: number; readonly first: number; readonly samples: Float32Array }
  /** All of a candidate's text so far. */
  | { readonly type: 'text'; readonly candidate: number; readonly text: string }
  /** The codes of a finished candidate: `[latents, H, W]`, or of a sound `[F, levels]`. */
  | { readonly type: 'codes'; readonly candidate: number; readonly codes: Int32Array }
  | { readonly type: 'finished' };

/** How full the key-value cache is, and what sharing it did since the start. */
export interface CacheUsage {
  readonly slots: number;
  readonly usedSlots: number;
  /** Sequences that wait for slots. */
  readonly waiting: number;
  /** Rows on their way into slots: of sequences that gave up theirs, and prefixes whose sequence is not complete. */
  readonly stagedRows: number;
  /** Prefixes kept for others that begin the same way. */
  readonly prefixRows: number;
  /** Prefixes that were there when a sequence began, and those that had to be computed. */
  readonly prefixHits: number;
  readonly prefixMisses: number;
  /** How often a sequence gave up its slots to another owner's. */
  readonly preemptions: number;
}

/** What the inference process reports after its startup self-check. */
export interface InferenceInfo {
  readonly bundle: BundleInfo;
  /** Provider really in use after the self-check. */
  readonly executionProvider: 'cuda' | 'webgpu' | 'cpu';
  readonly device: string;
  /** Why a better provider was not taken, one line each. */
  readonly providerNotes: readonly string[];
  readonly threads: number;
  readonly selfCheckMs: number;
}

export interface BundleInfo {
  readonly name: string;
  readonly digest: string;
  readonly description: string;
  readonly tasks: readonly GenerationTask[];
  /** Looks that it was trained on. */
  readonly styles: readonly Style[];
  readonly languages: readonly string[];
  readonly width: number;
  readonly height: number;
  /** Size of a clip with `upscale`. Null: the model has no super-resolution. */
  readonly upscaled: { readonly width: number; readonly height: number } | null;
  readonly fps: number;
  /** Frames of a clip; an image is one frame. */
  readonly frameCount: number;
  /** `[T, H, W]` of the codes of a clip of `frameCount` frames. */
  readonly grid: readonly [number, number, number];
  readonly framesPerLatent: number;
  /** Clips longer than the grid: latent frames of a window, the first `overlap` of which are the end of what is there. */
  readonly windows: { readonly latents: number; readonly overlap: number };
  /** Digest of the codebook and of the graphs that use it: codes mean the same under the same one. */
  readonly codec: string;
  readonly maxPromptCharacters: number;
  readonly sampling: SamplingParams;
  /** Of tasks that are drawn in another way than what they make is. */
  readonly taskSampling: Readonly<Partial<Record<GenerationTask, SamplingParams>>>;
  /** Null: the model knows no sound. */
  readonly audio: AudioInfo | null;
  /** Null: it writes no text. */
  readonly caption: CaptionInfo | null;
  readonly examples: readonly string[];
  readonly trainingCommit: string;
}

export interface AudioInfo {
  /** Hz. */
  readonly sampleRate: number;
  readonly samplesPerFrame: number;
  /** Codes of a frame. */
  readonly levels: number;
  /** Frames of the sound of a clip of the model's own length. */
  readonly framesPerClip: number;
  /** Digest of the graphs: codes mean the same under the same one. */
  readonly codec: string;
  readonly sampling: SamplingParams;
}

export interface CaptionInfo {
  /** The longest text, in tokens. */
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
}

/** The only way into inference. Owner: the composition root, which closes it. */
export interface InferenceClient {
  /** Resolves when the self-check has passed. Rejects with BUNDLE_CORRUPT, PROVIDER_UNAVAILABLE or INFERENCE_CRASHED. */
  ready(): Promise<InferenceInfo>;
  /** Undefined while the process is starting or restarting. */
  readonly info: InferenceInfo | undefined;
  /**
   * Streams one request. Breaking out of the loop, or aborting, cancels it within one step and frees its cache slots.
   * Throws PROMPT_EMPTY, PROMPT_TOO_LONG, TASK_NOT_SUPPORTED, CANCELED, INFERENCE_CRASHED, INFERENCE_UNAVAILABLE.
   */
  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent>;
  /**
   * Codes `[latents, H, W]` of frames of the model's size: `1 + framesPerLatent * (latents - 1)` of them.
   * Throws CANCELED, INVALID_INPUT, INFERENCE_CRASHED, INFERENCE_UNAVAILABLE.
   */
  encode(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array>;
  /**
   * Codes `[latents, H, W]` of the control video of frames as {@link encode} takes them: how near things are and where they move, without how they look.
   * Throws as {@link encode} does, and TASK_NOT_SUPPORTED.
   */
  encodeControl(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array>;
  /** Codes `[F, levels]` of mono samples at the model's rate; what does not fill a frame is left out. Throws as {@link encode} does, and TASK_NOT_SUPPORTED. */
  encodeSound(samples: Float32Array, signal: AbortSignal): Promise<Int32Array>;
  /** The inverse, as far as there is one: `F * samplesPerFrame` samples. Throws as {@link encodeSound} does. */
  decodeSound(codes: Int32Array, signal: AbortSignal): Promise<Float32Array>;
  /** Ends the process; running requests fail with INFERENCE_CRASHED. */
  close(): Promise<void>;
}
