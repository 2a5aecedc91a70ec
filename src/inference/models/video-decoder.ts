/** Adapter of the causal video decoder: codes of latent frames in, pixels out, streaming state passed on by value. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { RawFrame } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import { GraphSession, providerOf, type GraphRunner, type SessionOptions, type Tensors } from '../runtime/graph-session.ts';
import { floats, floatTensor, int64Tensor } from '../runtime/tensors.ts';
import { WorkerSession } from '../runtime/worker-session.ts';

/** One array per `state_in_<i>`. Never mutated: keeping one is keeping that point of the clip. */
export type DecoderState = readonly Float32Array[];

export interface DecodedFrames {
  /** float32 `[4 * T, 3, height, width]` in [0, 1]. */
  readonly pixels: Float32Array;
  readonly state: DecoderState;
}

export class VideoDecoder {
  readonly config: Manifest['video'];
  readonly #session: GraphRunner;
  #running = 0;

  private constructor(config: Manifest['video'], session: GraphRunner) {
    this.config = config;
    this.#session = session;
  }

  /** On the CPU it has a thread of its own: frames are decoded while the language model makes the next tokens. */
  static async open(bundle: Bundle, options: SessionOptions): Promise<VideoDecoder> {
    const config = bundle.manifest.video;
    const path = bundleFile(bundle, config.decoder.file);
    return new VideoDecoder(config, await (providerOf(path, options) === 'cpu' ? WorkerSession.open(path, options) : GraphSession.open(path, options)));
  }

  /** Frames are being decoded: who asks now will wait. */
  get busy(): boolean {
    return this.#running > 0;
  }

  /** The state before a clip: zeros. */
  initialState(): DecoderState {
    return this.config.decoder.states.map(({ shape }) => new Float32Array(shape.reduce((size, extent) => size * extent, 1)));
  }

  /** Decodes consecutive latent frames, `codes` `[T, H, W, 2]`. Frame by frame or all at once gives the same bits. */
  async decode(codes: Int32Array, state: DecoderState): Promise<DecodedFrames> {
    const { grid, decoder } = this.config;
    const [, height, width] = grid;
    const frames = codes.length / (2 * height * width);
    const feeds: Record<string, Tensors[string]> = { codes: int64Tensor(BigInt64Array.from(codes, BigInt), [frames, height, width, 2]) };
    decoder.states.forEach(({ shape }, i) => {
      feeds[`state_in_${i}`] = floatTensor(state[i] as Float32Array, shape);
    });
    const outputs = await this.#run(feeds);
    return { pixels: floats(outputs['frames'], 'frames'), state: decoder.states.map((_, i) => floats(outputs[`state_out_${i}`], `state_out_${i}`)) };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #run(feeds: Tensors): Promise<Tensors> {
    this.#running += 1;
    try {
      return await this.#session.run(feeds);
    } finally {
      this.#running -= 1;
    }
  }
}

/** Frames `first` and later of planar float32 `[N, 3, height, width]` as interleaved RGB bytes, rounded to nearest. */
export function toRawFrames(pixels: Float32Array, width: number, height: number, first: number): RawFrame[] {
  const area = width * height;
  const frames: RawFrame[] = [];
  for (let frame = first; (frame + 1) * 3 * area <= pixels.length; frame += 1) {
    const rgb = new Uint8Array(3 * area);
    for (let channel = 0; channel < 3; channel += 1) {
      const plane = (frame * 3 + channel) * area;
      for (let i = 0; i < area; i += 1) rgb[3 * i + channel] = Math.min(255, Math.max(0, (pixels[plane + i] as number) * 255 + 0.5));
    }
    frames.push({ width, height, rgb });
  }
  return frames;
}
