/** Adapter of the video encoder: frames of a clip in, codes out. The inverse of the decoder's graph, as far as there is one. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import { throwIfCanceled } from '../core/canceled.ts';
import type { RawFrame } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import { GraphSession, type SessionOptions } from '../runtime/graph-session.ts';
import { floatTensor, integers } from '../runtime/tensors.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';

/** Latent frames of one run: a run's memory is about 25 MB for each. */
const LATENTS_PER_RUN = 4;

export class VideoEncoder {
  readonly #config: Manifest['video'];
  readonly #grid: VideoGrid;
  readonly #session: GraphSession;

  private constructor(manifest: Manifest, session: GraphSession) {
    this.#config = manifest.video;
    this.#grid = new VideoGrid(manifest);
    this.#session = session;
  }

  static async open(bundle: Bundle, options: SessionOptions): Promise<VideoEncoder> {
    return new VideoEncoder(bundle.manifest, await GraphSession.open(bundleFile(bundle, bundle.manifest.video.encoder.file), options));
  }

  /**
   * Codes `[T, H, W]` of `1 + framesPerLatent * (T - 1)` frames of the model's size. A latent frame depends on its own frames only, so a
   * clip can be encoded in parts. Throws CANCELED, and an Error for another number or size of frames.
   */
  async encode(frames: readonly RawFrame[], signal?: AbortSignal): Promise<Int32Array> {
    const { width, height, framesPerLatent } = this.#config;
    const [first] = frames;
    if (first === undefined || (frames.length - 1) % framesPerLatent !== 0) throw new Error(`${frames.length} frames are not 1 + n * ${framesPerLatent}`);
    if (frames.some((frame) => frame.width !== width || frame.height !== height)) throw new Error(`frames must have ${width}x${height} px`);
    // The first frame stands for a whole latent frame.
    const padded = [...Array.from({ length: framesPerLatent - 1 }, () => first), ...frames];
    const codes: number[] = [];
    for (let at = 0; at < padded.length; at += LATENTS_PER_RUN * framesPerLatent) {
      throwIfCanceled(signal);
      codes.push(...(await this.#run(padded.slice(at, at + LATENTS_PER_RUN * framesPerLatent))));
    }
    return Int32Array.from(codes);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #run(frames: readonly RawFrame[]): Promise<number[]> {
    const { width, height } = this.#config;
    const outputs = await this.#session.run({ frames: floatTensor(toPlanes(frames, width * height), [frames.length, 3, height, width]) });
    const pairs = integers(outputs['codes'], 'codes');
    return Array.from({ length: pairs.length / 2 }, (_, i) => this.#grid.join(pairs[2 * i] as number, pairs[2 * i + 1] as number));
  }
}

/** Interleaved RGB bytes to planar float32 `[N, 3, area]` in [0, 1]. */
export function toPlanes(frames: readonly RawFrame[], area: number): Float32Array {
  const pixels = new Float32Array(frames.length * 3 * area);
  for (const [index, { rgb }] of frames.entries()) {
    for (let channel = 0; channel < 3; channel += 1) {
      const plane = (index * 3 + channel) * area;
      for (let i = 0; i < area; i += 1) pixels[plane + i] = (rgb[3 * i + channel] as number) / 255;
    }
  }
  return pixels;
}
