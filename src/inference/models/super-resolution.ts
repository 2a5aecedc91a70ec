/** Adapter of super-resolution: decoded frames in, larger ones out, streaming state passed on by value. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { Manifest } from '../core/manifest.ts';
import { GraphSession, providerOf, type GraphRunner, type SessionOptions, type Tensors } from '../runtime/graph-session.ts';
import { floats, floatTensor } from '../runtime/tensors.ts';
import { WorkerSession } from '../runtime/worker-session.ts';

/** One array per `state_in_<i>`. Never mutated. */
export type EnlargingState = readonly Float32Array[];

export interface EnlargedFrames {
  /** float32 `[4 * T, 3, scale * height, scale * width]` in [0, 1]. */
  readonly pixels: Float32Array;
  readonly state: EnlargingState;
}

export class SuperResolution {
  readonly config: NonNullable<Manifest['superResolution']>;
  readonly #video: Manifest['video'];
  readonly #session: GraphRunner;

  private constructor({ superResolution, video }: Manifest, session: GraphRunner) {
    if (superResolution === undefined) throw new Error('the bundle has no super-resolution');
    this.config = superResolution;
    this.#video = video;
    this.#session = session;
  }

  /** On the CPU it has a thread of its own: frames are enlarged while the next ones are made and decoded. Undefined: the bundle has none. */
  static async open(bundle: Bundle, options: SessionOptions): Promise<SuperResolution | undefined> {
    const config = bundle.manifest.superResolution;
    if (config === undefined) return undefined;
    const path = bundleFile(bundle, config.file);
    return new SuperResolution(bundle.manifest, await (providerOf(path, options) === 'cpu' ? WorkerSession.open(path, options) : GraphSession.open(path, options)));
  }

  /** The state before a clip: zeros. */
  initialState(): EnlargingState {
    return this.config.states.map(({ shape }) => new Float32Array(shape.reduce((size, extent) => size * extent, 1)));
  }

  /** Enlarges consecutive latent frames, `pixels` `[4 * T, 3, height, width]` as the decoder gives them. Frame by frame or all at once gives the same bits. */
  async enlarge(pixels: Float32Array, state: EnlargingState): Promise<EnlargedFrames> {
    const { width, height } = this.#video;
    const { states } = this.config;
    const feeds: Record<string, Tensors[string]> = { frames: floatTensor(pixels, [pixels.length / (3 * width * height), 3, height, width]) };
    states.forEach(({ shape }, i) => {
      feeds[`state_in_${i}`] = floatTensor(state[i] as Float32Array, shape);
    });
    const outputs = await this.#session.run(feeds);
    return { pixels: floats(outputs['enlarged'], 'enlarged'), state: states.map((_, i) => floats(outputs[`state_out_${i}`], `state_out_${i}`)) };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
