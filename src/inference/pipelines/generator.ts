/** A request becomes events: prefix rows, windows, sequences, tokens, frames. The tasks differ in their task row and in what is known of the clip. */
import { CinegraphError } from '../../errors.ts';
import type { Bundle } from '../core/bundle.ts';
import { UNKNOWN, type GenerationEvent, type GenerationRequest, type ModelTask, type RawFrame } from '../core/generation.ts';
import { Sequence } from '../core/sequence.ts';
import { clipLatents, taskSpec } from '../core/task-spec.ts';
import type { Engine } from '../engine/engine.ts';
import type { AudioCodec } from '../models/audio-codec.ts';
import { ControlVideo } from '../control/control-video.ts';
import type { DepthEstimator } from '../models/depth-estimator.ts';
import type { SuperResolution } from '../models/super-resolution.ts';
import type { VideoDecoder } from '../models/video-decoder.ts';
import type { VideoEncoder } from '../models/video-encoder.ts';
import type { TextTokenizer } from '../tokenizers/text-tokenizer.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';
import { VideoOutput } from '../tokenizers/video-output.ts';
import { Clip, knownLatents } from './clip.ts';
import { ClipStream } from './clip-stream.ts';
import { hearableSound } from './heard.ts';
import { Prefixes, type LaidOut } from './prefixes.ts';
import { SoundGenerator } from './sound-generator.ts';
import { TextGenerator } from './text-generator.ts';
import { TokenMeter } from './token-meter.ts';
import { planWindows, type Window } from '../core/windows.ts';

/** Sequences running at once beyond which previews stop: each costs a decode, which for four clips is a fifth of the work. */
const MAX_RUNNING_FOR_PREVIEWS = 4;

export interface GeneratorParts {
  readonly bundle: Bundle;
  readonly engine: Engine;
  readonly decoder: VideoDecoder;
  readonly encoder: VideoEncoder;
  /** Undefined: the bundle knows no sound. */
  readonly audio: AudioCodec | undefined;
  /** Undefined: it cannot tell how near things are. */
  readonly depth: DepthEstimator | undefined;
  /** Undefined: the bundle has none. */
  readonly enlarger: SuperResolution | undefined;
  readonly tokenizer: TextTokenizer;
  readonly executionProvider: string;
}

/** A candidate and the frames it becomes. */
interface Take {
  readonly clip: Clip;
  readonly stream: ClipStream;
}

export class Generator {
  readonly #parts: GeneratorParts;
  readonly #grid: VideoGrid;
  readonly #prefixes: Prefixes;
  readonly #sounds: SoundGenerator | undefined;
  readonly #texts: TextGenerator;
  readonly #control: ControlVideo | undefined;

  constructor(parts: GeneratorParts) {
    const { bundle: { manifest }, audio, depth, tokenizer } = parts;
    this.#parts = parts;
    this.#grid = new VideoGrid(manifest);
    this.#prefixes = new Prefixes(manifest, tokenizer);
    this.#sounds = audio === undefined || manifest.languageModel.rows.audio === undefined ? undefined : new SoundGenerator({ ...parts, audio, prefixes: this.#prefixes });
    this.#control = manifest.control === undefined || depth === undefined ? undefined : new ControlVideo(manifest.control, depth);
    this.#texts = new TextGenerator({ ...parts, prefixes: this.#prefixes });
  }

  /**
   * Streams one request. Leaving the loop or aborting frees its slots within one step.
   * Throws TASK_NOT_SUPPORTED, PROMPT_EMPTY, PROMPT_TOO_LONG, INVALID_INPUT, QUEUE_FULL, CANCELED.
   */
  generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    switch (request.task) {
      case 'TEXT_TO_AUDIO':
      case 'VIDEO_TO_AUDIO':
        return (this.#sounds ?? refuse()).generate(request, signal);
      case 'VIDEO_TO_TEXT':
      case 'AUDIO_TO_TEXT':
        return this.#texts.generate(request, signal);
      default:
        return this.#clips(request, signal);
    }
  }

  async *#clips(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const { bundle, decoder, executionProvider } = this.#parts;
    const enlarger = request.upscale === true ? (this.#parts.enlarger ?? refuseUpscale()) : undefined;
    const known = this.#knownCodes(request);
    const control = this.#controlCodes(request, known.length);
    const { warnings } = this.#layOut(request, request.task);
    const windows = this.#windows(known, request.task);
    const made = this.#madeBefore(request, known, windows);
    const takes = Array.from({ length: request.candidates }, (_, candidate): Take => {
      const clip = new Clip(candidate, known, this.#grid, made.codes[candidate], control);
      return { clip, stream: new ClipStream(clip, decoder, enlarger) };
    });
    const tokensOf = (some: readonly Window[]): number => some.reduce((sum, { latents }) => sum + latents * this.#grid.frameSize, 0) * takes.length;
    const tokensTotal = tokensOf(windows);
    const started: GenerationEvent = { type: 'started', tokensTotal, executionProvider, bundleDigest: bundle.digest, warnings };
    if (windows.length === 0) yield started;
    let tokensDone = tokensOf(windows.slice(0, made.windows));
    const meter = new TokenMeter(tokensTotal, this.#grid.frameSize * takes.length, performance.now(), tokensDone);
    for (const [index, window] of windows.entries()) {
      if (index < made.windows) continue;
      const sequences = takes.map(({ clip }) => this.#sequence(request, clip, window));
      let moved = false;
      for await (const _ of this.#parts.engine.generate(sequences, signal)) {
        if (!moved && index === made.windows) {
          meter.start(performance.now());
          yield started;
        }
        if (!moved && windows.length > 1) yield { type: 'window', index, count: windows.length, made: index === 0 ? [] : takes.map(({ clip }) => clip.joined()) };
        moved = true;
        takes.forEach(({ clip }, i) => clip.take(sequences[i] as Sequence, window));
        const tokens = meter.read(tokensDone + sequences.reduce((done, sequence) => done + sequence.done, 0), performance.now());
        if (tokens !== undefined) yield tokens;
        // What is left when a window ends is decoded while the next one runs.
        const goesOn = index + 1 < windows.length && sequences.every((sequence) => sequence.ended);
        if (!goesOn) for (const take of takes) yield* this.#framesOf(take, signal);
      }
      tokensDone += window.latents * this.#grid.frameSize * takes.length;
    }
    if (windows.length === 0) for (const take of takes) yield* this.#framesOf(take, signal);
    for (const { clip } of takes) yield { type: 'codes', candidate: clip.candidate, codes: clip.joined() };
    yield { type: 'finished' };
  }

  /** Codes `[T, H, W]` of frames. Throws CANCELED, and INVALID_INPUT when their number or size does not fit the model. */
  async encode(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> {
    const { width, height, framesPerLatent } = this.#parts.bundle.manifest.video;
    if (frames.length % framesPerLatent !== 1 % framesPerLatent || frames.some((frame) => frame.width !== width || frame.height !== height)) {
      throw new CinegraphError('INVALID_INPUT', `The model encodes 1 + ${framesPerLatent} * n frames of ${width}x${height} px, not ${frames.length}.`, { field: ['frames'] });
    }
    return await this.#parts.encoder.encode(frames, signal);
  }

  /** Codes `[T, H, W]` of the frames' control video. Throws TASK_NOT_SUPPORTED, and what {@link encode} does. */
  async encodeControl(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> {
    if (this.#control === undefined) throw new CinegraphError('TASK_NOT_SUPPORTED', 'The model cannot tell how near things are.');
    return await this.encode(await this.#control.of(frames, signal), signal);
  }

  /** Codes `[F, levels]` of samples. Throws TASK_NOT_SUPPORTED. */
  async encodeSound(samples: Float32Array): Promise<Int32Array> {
    return await (this.#parts.audio ?? refuse()).encode(samples);
  }

  /** Samples of codes `[F, levels]`. Throws TASK_NOT_SUPPORTED. */
  async decodeSound(codes: Int32Array): Promise<Float32Array> {
    const audio = this.#parts.audio ?? refuse();
    return (await audio.decode(codes, audio.initialState())).samples;
  }

  /** A code per position of the finished clip, `UNKNOWN` where one is to be made. */
  #knownCodes({ task, source }: GenerationRequest): Int32Array {
    const latents = source?.latents ?? clipLatents(this.#parts.bundle.manifest, task);
    const known = new Int32Array(latents * this.#grid.frameSize).fill(UNKNOWN);
    if (source === undefined) return known;
    if (source.codes.length > known.length) throw new CinegraphError('INVALID_INPUT', `There are ${source.codes.length} codes for ${known.length} positions.`, { field: ['source', 'codes'] });
    if (source.codes.some((code) => code >= this.#grid.nullCode)) throw new CinegraphError('INVALID_INPUT', `Codes are smaller than ${this.#grid.nullCode}.`, { field: ['source', 'codes'] });
    known.set(source.codes);
    return known;
  }

  /** A code per position of the clip's control video; undefined for the tasks that have none. Throws INVALID_INPUT. */
  #controlCodes({ task, control }: GenerationRequest, positions: number): Int32Array | undefined {
    const wanted = task === 'STYLIZE_VIDEO';
    const fits = control === undefined ? !wanted : wanted && control.length === positions && control.every((code) => code < this.#grid.nullCode);
    if (!fits) throw new CinegraphError('INVALID_INPUT', `STYLIZE_VIDEO, and it alone, needs a control video: ${positions} codes smaller than ${this.#grid.nullCode}.`, { field: ['control'] });
    return control;
  }

  /** Windows that an earlier run made whole, and the codes up to their end. Throws INVALID_INPUT for codes that are not of this request. */
  #madeBefore({ resume, candidates }: GenerationRequest, known: Int32Array, windows: readonly Window[]): { readonly windows: number; readonly codes: readonly Int32Array[] } {
    if (resume === undefined) return { windows: 0, codes: [] };
    const { frameSize } = this.#grid;
    const made = Math.min(...resume.map(({ length }) => length));
    const fit = resume.length === candidates && made <= known.length && resume.every((codes) => codes.every((code) => code >= 0 && code < this.#grid.nullCode));
    if (!fit) throw new CinegraphError('INVALID_INPUT', 'The codes to go on from are not those of this request.', { field: ['resume'] });
    // The last one is always made: what there is to resume was not finished.
    const whole = windows.slice(0, -1).filter(({ start, latents }) => (start + latents) * frameSize <= made);
    const last = whole.at(-1);
    return { windows: whole.length, codes: last === undefined ? [] : resume.map((codes) => codes.subarray(0, (last.start + last.latents) * frameSize)) };
  }

  #windows(known: Int32Array, task: GenerationRequest['task']): Window[] {
    const { video, languageModel } = this.#parts.bundle.manifest;
    const { frameSize } = this.#grid;
    return planWindows({ total: known.length / frameSize, known: knownLatents(known, frameSize), longest: video.grid[0], later: languageModel.windows, turns: task === 'EDIT_VIDEO' });
  }

  #layOut(request: GenerationRequest, task: ModelTask): LaidOut {
    const sound = task === 'AUDIO_TO_VIDEO' ? hearableSound(request.sound, this.#parts.bundle.manifest) : undefined;
    return this.#prefixes.of(request, task, { sound });
  }

  #sequence(request: GenerationRequest, clip: Clip, window: Window): Sequence {
    const { manifest } = this.#parts.bundle;
    const task = taskOfWindow(request.task, window, manifest.tasks);
    const spec = taskSpec(manifest, task, window.latents);
    return new Sequence({
      requestId: request.id,
      ...(request.owner !== undefined && { owner: request.owner }),
      candidate: clip.candidate,
      seed: request.seed,
      sampling: request.sampling,
      prefixes: this.#layOut(request, task).prefixes,
      firstPosition: window.start * this.#grid.frameSize,
      output: new VideoOutput(this.#grid, { spec, forced: clip.forced(window), condition: spec.conditioned ? clip.condition(window) : undefined }),
    });
  }

  /** What a clip's new codes allow: complete latent frames, and a preview unless too many would wait for the time it costs. */
  async *#framesOf({ clip: { candidate }, stream }: Take, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    for (let frames = await stream.next(); frames !== undefined; frames = stream.complete ? undefined : await stream.next()) {
      yield { type: 'frames', candidate, ...frames };
      if (signal.aborted) return;
    }
    if (this.#parts.engine.waiting > 0 || this.#parts.engine.running > MAX_RUNNING_FOR_PREVIEWS) return;
    const preview = await stream.preview();
    if (preview !== undefined) yield { type: 'frames', candidate, ...preview };
  }
}

function refuseUpscale(): never {
  throw new CinegraphError('TASK_NOT_SUPPORTED', 'The model has no super-resolution.', { field: ['upscale'] });
}

function refuse(): never {
  throw new CinegraphError('TASK_NOT_SUPPORTED', 'The model knows no sound.');
}

/**
 * What begins with the end of something longer is an extension, whatever the whole is; what begins at the clip's start, where the first
 * latent frame stands for a single picture, is a picture that comes alive.
 */
function taskOfWindow(task: ModelTask, { start }: Window, offered: readonly string[]): ModelTask {
  const wanted = start > 0 ? 'EXTEND_VIDEO' : 'IMAGE_TO_VIDEO';
  const continues = task === 'EXTEND_VIDEO' || task === 'EDIT_VIDEO' || ((task === 'TEXT_TO_VIDEO' || task === 'IMAGE_TO_VIDEO' || task === 'AUDIO_TO_VIDEO') && start > 0);
  return continues && offered.includes(wanted) ? wanted : task;
}
