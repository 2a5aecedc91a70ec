/** Adapter of the depth graph: frames in, how near each pixel is out. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { RawFrame } from '../core/generation.ts';
import { GraphSession, type SessionOptions } from '../runtime/graph-session.ts';
import { floats, floatTensor } from '../runtime/tensors.ts';
import { toPlanes } from './video-encoder.ts';

/** A run blocks the thread: between two of them the engine's steps get their turn. */
const FRAMES_PER_RUN = 16;

export class DepthEstimator {
  readonly #session: GraphSession;

  private constructor(session: GraphSession) {
    this.#session = session;
  }

  /** Undefined for a bundle without a depth graph. */
  static async open(bundle: Bundle, options: SessionOptions): Promise<DepthEstimator | undefined> {
    const { control } = bundle.manifest;
    return control === undefined ? undefined : new DepthEstimator(await GraphSession.open(bundleFile(bundle, control.depth.file), options));
  }

  /** Per frame a byte per pixel: 255 is nearest, 0 the background. Frames of one size, a multiple of 8 px each way. */
  async estimate(frames: readonly RawFrame[]): Promise<Uint8Array[]> {
    const maps: Uint8Array[] = [];
    for (let at = 0; at < frames.length; at += FRAMES_PER_RUN) maps.push(...(await this.#run(frames.slice(at, at + FRAMES_PER_RUN))));
    return maps;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #run(frames: readonly RawFrame[]): Promise<Uint8Array[]> {
    const { width = 0, height = 0 } = frames[0] ?? {};
    const area = width * height;
    const outputs = await this.#session.run({ frames: floatTensor(toPlanes(frames, area), [frames.length, 3, height, width]) });
    const depth = floats(outputs['depth'], 'depth');
    return frames.map((_, index) => Uint8Array.from(depth.subarray(index * area, (index + 1) * area), (value) => Math.round(value * 255)));
  }
}
