/** Adapter of the depth graph: frames in, how near each pixel is out. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import { throwIfCanceled } from '../core/canceled.ts';
import type { RawFrame } from '../core/generation.ts';
import { GraphSession, type SessionOptions } from '../runtime/graph-session.ts';
import { floats, floatTensor } from '../runtime/tensors.ts';
import { toPlanes } from './video-encoder.ts';

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

  /**
   * Per frame a byte per pixel: 255 is nearest, 0 the background. Frames of a size that is a multiple of 8 px each way. A run blocks the
   * thread: between two frames the engine's steps get their turn, and a cancel is noticed. Throws CANCELED.
   */
  async estimate(frames: readonly RawFrame[], signal?: AbortSignal): Promise<Uint8Array[]> {
    const maps: Uint8Array[] = [];
    for (const frame of frames) {
      throwIfCanceled(signal);
      maps.push(await this.#run(frame));
    }
    return maps;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #run(frame: RawFrame): Promise<Uint8Array> {
    const { width, height } = frame;
    const outputs = await this.#session.run({ frames: floatTensor(toPlanes([frame], width * height), [1, 3, height, width]) });
    return Uint8Array.from(floats(outputs['depth'], 'depth'), (value) => Math.round(value * 255));
  }
}
