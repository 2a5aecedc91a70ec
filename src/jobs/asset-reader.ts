import type { Database } from '../db/database.ts';
import { CinegraphError } from '../errors.ts';
import { framesOf } from '../inference/core/clip-length.ts';
import { MAX_LATENTS, type BundleInfo, type InferenceClient, type ModelTask, type RawFrame } from '../inference/core/generation.ts';
import type { EncodedMedia, Media } from '../media/media.ts';
import type { MediaBytes } from '../media/reader.ts';
import type { WarningRecord } from '../services/contract.ts';
import { type AssetTokens, readTokens } from './asset-tokens.ts';
import { audioOf } from './audio-of.ts';
import { sameSize, type Size } from './mask.ts';

/** A clip or picture in the model's own terms. */
export interface KnownClip {
  readonly codes: Int32Array;
  readonly latents: number;
  /** Frames that the codes give before the asset's first one. */
  readonly skip: number;
  /** Decoding the codes gives exactly the asset's frames. */
  readonly exact: boolean;
  /** The asset's own frames, where they had to be read for the codes. */
  readonly frames: readonly RawFrame[] | undefined;
  /** As they are stored with the asset, when the model understands them. */
  readonly tokens: AssetTokens | undefined;
}

/** The beginning of a sound in the model's own terms. */
export interface HeardSound {
  /** `[F, levels]`, as much as the model can hear at once. */
  readonly codes: Int32Array;
  readonly heardMs: number;
  /** The sound goes on. */
  readonly longer: boolean;
}

interface AssetRow {
  readonly id: string;
  readonly sha256: string;
  readonly byteSize: number;
  readonly width: number;
  readonly height: number;
  readonly hasAudio: boolean;
  readonly durationMs: number | null;
}

export interface AssetReaderOptions {
  readonly database: Database;
  readonly inference: InferenceClient;
  readonly media: Media;
  readonly bundle: BundleInfo;
  readonly ownerId: string;
  /** Unique prefix of the requests to inference. */
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** A sound that is longer by less is heard whole: its last frame. */
const FRAME_TOLERANCE_MS = 45;
/** Louder than this is a sound. */
const SILENCE = 1e-3;

function gone(): CinegraphError {
  return new CinegraphError('NOT_FOUND', 'What the job was to be made from does not exist any more.');
}

/** Reads what a job is made from. What was done to fit it into the model is said in `warnings`. Owner: one run. */
export class AssetReader {
  readonly warnings: WarningRecord[] = [];
  readonly #options: AssetReaderOptions;
  #requests = 0;

  constructor(options: AssetReaderOptions) {
    this.#options = options;
  }

  /** Throws NOT_FOUND when the asset is gone or not the owner's. */
  async row(assetId: string): Promise<AssetRow> {
    const { rows } = await this.#options.database.pool.query<AssetRow>(
      'SELECT id, sha256, byte_size AS "byteSize", width, height, has_audio AS "hasAudio", duration_ms AS "durationMs" FROM asset WHERE id = $1 AND owner_id = $2', [assetId, this.#options.ownerId]);
    const [row] = rows;
    if (row === undefined) throw gone();
    return row;
  }

  /** The asset's codes: those that it was made of, or those of its frames. Nothing of our own is decoded and encoded again. `seenOnly`: what is made from it has no use for its sound. */
  async clip(assetId: string, { seenOnly = false } = {}): Promise<KnownClip> {
    const { database, bundle } = this.#options;
    const row = await this.row(assetId);
    if (row.hasAudio && !seenOnly) this.warn('AUDIO_DROPPED', 'The sound of the source is not carried over.');
    const tokens = await readTokens(database.pool, assetId);
    if (tokens?.codec === bundle.codec) return { ...tokens, tokens, latents: tokens.codes.length / this.#frameSize, frames: undefined };
    const frames = await this.#fileFrames(row, framesOf(MAX_LATENTS, bundle));
    return { ...(await this.encode(frames)), skip: 0, exact: false, frames, tokens: undefined };
  }

  /** A clip's frames at the model's size: those that its codes give, or those of its file. */
  async seen(assetId: string): Promise<readonly RawFrame[]> {
    const { database, bundle } = this.#options;
    const row = await this.row(assetId);
    if (row.hasAudio) this.warn('AUDIO_DROPPED', 'The sound of the source is not carried over.');
    const tokens = await readTokens(database.pool, assetId);
    if (tokens?.codec === bundle.codec && tokens.exact) return (await this.decode(tokens.codes, false)).slice(tokens.skip);
    return this.#fileFrames(row, framesOf(MAX_LATENTS, bundle));
  }

  /** One frame's codes. */
  async picture(assetId: string): Promise<Int32Array> {
    const tokens = await readTokens(this.#options.database.pool, assetId);
    if (tokens?.codec === this.#options.bundle.codec) return tokens.codes.slice(0, this.#frameSize);
    return (await this.encode(await this.#fileFrames(await this.row(assetId), 1))).codes;
  }

  /** The beginning of a sound, or of a clip's: the codes that it was made of, or those of its samples. Throws TASK_NOT_SUPPORTED. */
  async heard(assetId: string): Promise<HeardSound> {
    const { database, inference, bundle, signal } = this.#options;
    const { sampleRate, samplesPerFrame, levels, framesPerClip, codec } = audioOf(bundle);
    const row = await this.row(assetId);
    const heardMs = Math.round((1000 * framesPerClip * samplesPerFrame) / sampleRate);
    const shared = { heardMs, longer: (row.durationMs ?? 0) > heardMs + FRAME_TOLERANCE_MS };
    const tokens = await readTokens(database.pool, assetId, 'AUDIO');
    const most = framesPerClip * levels;
    if (tokens?.codec === codec && tokens.skip % samplesPerFrame === 0) {
      const first = (tokens.skip / samplesPerFrame) * levels;
      return { ...shared, codes: tokens.codes.slice(first, first + most) };
    }
    const samples = tokens?.codec === codec ? (await inference.decodeSound(tokens.codes, signal)).subarray(tokens.skip) : await this.#fileSamples(row, heardMs);
    // Silence fills the last frame.
    const padded = new Float32Array(Math.max(1, Math.ceil(samples.length / samplesPerFrame)) * samplesPerFrame);
    padded.set(samples);
    if (samples.every(sample => Math.abs(sample) < SILENCE)) this.warn('INPUT_SILENT', 'The sound is silent where the model listens: it has nothing to go by.');
    return { ...shared, codes: (await inference.encodeSound(padded, signal)).slice(0, most) };
  }

  /** `length` samples of a clip's sound at the model's rate; silence where it has none. */
  async samples(assetId: string, length: number): Promise<Float32Array> {
    const { database, inference, bundle, signal } = this.#options;
    const { sampleRate, codec } = audioOf(bundle);
    const row = await this.row(assetId);
    const whole = new Float32Array(length);
    if (!row.hasAudio) return whole;
    const tokens = await readTokens(database.pool, assetId, 'AUDIO');
    const found = tokens?.codec === codec ? (await inference.decodeSound(tokens.codes, signal)).subarray(tokens.skip) : await this.#fileSamples(row, Math.ceil((1000 * length) / sampleRate));
    whole.set(found.subarray(0, length));
    return whole;
  }

  /** The asset as it is stored, to be stored again with something changed. */
  async stored(assetId: string): Promise<EncodedMedia> {
    const { database, ownerId } = this.#options;
    const row = await database.prisma.asset.findFirst({ where: { id: assetId, ownerId } });
    if (row === null) throw gone();
    const { blobs } = database;
    const bytesOf = async (sha256: string, byteSize: number): Promise<Buffer> => Buffer.concat(await Array.fromAsync(blobs.read(sha256, 0, byteSize - 1)));
    const thumbnail = row.thumbnailSha256 === null ? null : await blobs.stat(row.thumbnailSha256);
    const { contentType, thumbhash, framesSha256, width, height, fps, frameCount, durationMs, hasAudio, sampleRateHz, channels, text } = row;
    return {
      kind: row.kind === 'MASK' ? 'IMAGE' : row.kind, contentType, thumbhash, framesSha256, width, height, fps, frameCount, durationMs, hasAudio, sampleRateHz, channels, text,
      bytes: await bytesOf(row.sha256, row.byteSize),
      thumbnail: thumbnail === null || row.thumbnailSha256 === null ? null : await bytesOf(row.thumbnailSha256, thumbnail.byteSize),
    };
  }

  /** The file of an asset. */
  async file(assetId: string): Promise<MediaBytes> {
    return this.#bytes(await this.row(assetId));
  }

  /** The asset's frames at the model's size, or enlarged: from its codes where those give them, else from its file. */
  async frames(assetId: string, clip: KnownClip, size: Size = this.#options.bundle): Promise<readonly RawFrame[]> {
    const { bundle } = this.#options;
    const large = !sameSize(size, bundle);
    if (!large && clip.frames !== undefined) return clip.frames;
    if (clip.exact) return (await this.decode(clip.codes, large)).slice(clip.skip);
    return this.scaled(await this.row(assetId), { width: size.width, height: size.height, maxFrames: framesOf(clip.latents, bundle) - clip.skip });
  }

  /** The asset's frames at another size, shape included. */
  scaled(row: AssetRow, { width, height, maxFrames }: { readonly width: number; readonly height: number; readonly maxFrames: number }): Promise<readonly RawFrame[]> {
    return this.#read(row, { width, height, maxFrames });
  }

  /** Codes of the longest part of the frames that is a clip; the rest, up to three frames, is left out. */
  async encode(frames: readonly RawFrame[]): Promise<{ readonly codes: Int32Array; readonly latents: number }> {
    const { inference, signal } = this.#options;
    const whole = this.#whole(frames);
    return { codes: await inference.encode(whole.frames, signal), latents: whole.latents };
  }

  /** The same of the frames' control video. */
  async control(frames: readonly RawFrame[]): Promise<{ readonly codes: Int32Array; readonly latents: number }> {
    const { inference, signal } = this.#options;
    const whole = this.#whole(frames);
    return { codes: await inference.encodeControl(whole.frames, signal), latents: whole.latents };
  }

  /** What the model sees in the beginning of a clip, the likeliest words; empty where it writes no text. */
  async described(frames: readonly RawFrame[]): Promise<string> {
    const { bundle, inference, requestId, signal } = this.#options;
    if (bundle.caption === null || !bundle.tasks.includes('VIDEO_TO_TEXT')) return '';
    const { codes: video } = await this.encode(frames.slice(0, bundle.frameCount));
    const sampling = { ...bundle.caption.sampling, temperature: 0, deterministic: true };
    let said = '';
    for await (const event of inference.generate({ id: `${requestId}:described`, task: 'VIDEO_TO_TEXT', prompt: '', video, seed: 0, candidates: 1, sampling }, signal)) if (event.type === 'text') said = event.text;
    return said;
  }

  /** Every frame that codes `[latents, H, W]` give; `upscale`: enlarged. */
  async decode(codes: Int32Array, upscale: boolean): Promise<RawFrame[]> {
    const { bundle, inference, requestId, signal } = this.#options;
    const task = bundle.tasks.find((name): name is ModelTask => name !== 'FILM');
    if (task === undefined) throw new Error('the bundle has no task');
    const frames: RawFrame[] = [];
    const request = {
      id: `${requestId}:decode-${this.#requests++}`, task, prompt: 'a', seed: 0, candidates: 1, sampling: bundle.sampling, upscale,
      source: { latents: codes.length / this.#frameSize, codes },
    };
    for await (const event of inference.generate(request, signal)) if (event.type === 'frames' && event.final) frames.push(...event.frames);
    return frames;
  }

  warn(code: string, message: string): void {
    if (!this.warnings.some(warning => warning.code === code && warning.message === message)) this.warnings.push({ code, message });
  }

  #whole(frames: readonly RawFrame[]): { readonly frames: readonly RawFrame[]; readonly latents: number } {
    const { bundle } = this.#options;
    const latents = 1 + Math.floor((frames.length - 1) / bundle.framesPerLatent);
    return { frames: frames.slice(0, framesOf(latents, bundle)), latents };
  }

  get #frameSize(): number {
    const [, height, width] = this.#options.bundle.grid;
    return height * width;
  }

  #fileFrames(row: AssetRow, maxFrames: number): Promise<readonly RawFrame[]> {
    const { width, height } = this.#options.bundle;
    return this.#read(row, { width, height, maxFrames });
  }

  async #fileSamples(row: AssetRow, maxMs: number): Promise<Float32Array> {
    const { media, bundle } = this.#options;
    return (await media.decodeSound(this.#bytes(row), { sampleRateHz: audioOf(bundle).sampleRate, maxMs })).samples;
  }

  #bytes({ sha256, byteSize }: Pick<AssetRow, 'sha256' | 'byteSize'>): MediaBytes {
    const { blobs } = this.#options.database;
    return { byteSize, read: (start, end) => blobs.read(sha256, start, end) };
  }

  async #read(row: AssetRow, size: { readonly width: number; readonly height: number; readonly maxFrames: number }): Promise<readonly RawFrame[]> {
    const { media, bundle } = this.#options;
    const decoded = await media.decodeInput(this.#bytes(row), { ...size, fps: bundle.fps, fit: 'crop' });
    if (decoded.fitted !== null) {
      this.warn('INPUT_FITTED', `The source has ${decoded.sourceWidth} x ${decoded.sourceHeight} px, the model works on ${bundle.width} x ${bundle.height}: it was scaled and its edges were cut off.`);
    }
    if (decoded.truncated && size.maxFrames > 1) this.warn('INPUT_CUT', `The source is longer than ${size.maxFrames} frames at ${bundle.fps} per second; the rest was left out.`);
    return decoded.frames;
  }
}
