/** Adapter of the audio encoder and of the causal audio decoder: samples to codes and back. Owner of their sessions. */
import { bundleFile, type Bundle } from '../core/bundle.ts';
import type { Manifest } from '../core/manifest.ts';
import { GraphSession, type SessionOptions, type Tensors } from '../runtime/graph-session.ts';
import { floats, floatTensor, int64Tensor, integers } from '../runtime/tensors.ts';

/** One array per `state_in_<i>`. Never mutated. */
export type AudioState = readonly Float32Array[];

export interface DecodedSamples {
  /** Mono, -1 to 1, `[F * samplesPerFrame]`. */
  readonly samples: Float32Array;
  readonly state: AudioState;
}

type AudioConfig = NonNullable<Manifest['audio']>;

export class AudioCodec {
  readonly config: AudioConfig;
  readonly #encoder: GraphSession;
  readonly #decoder: GraphSession;

  private constructor(config: AudioConfig, encoder: GraphSession, decoder: GraphSession) {
    this.config = config;
    this.#encoder = encoder;
    this.#decoder = decoder;
  }

  /** Undefined for a bundle without sound. */
  static async open(bundle: Bundle, options: SessionOptions): Promise<AudioCodec | undefined> {
    const { audio } = bundle.manifest;
    if (audio === undefined) return undefined;
    const encoder = await GraphSession.open(bundleFile(bundle, audio.encoder.file), options);
    return new AudioCodec(audio, encoder, await GraphSession.open(bundleFile(bundle, audio.decoder.file), options));
  }

  /** Codes `[F, levels]` of whole frames; what does not fill one is left out. */
  async encode(samples: Float32Array): Promise<Int32Array> {
    const { samplesPerFrame } = this.config;
    const whole = samples.slice(0, Math.floor(samples.length / samplesPerFrame) * samplesPerFrame);
    const outputs = await this.#encoder.run({ samples: floatTensor(whole, [whole.length]) });
    return integers(outputs['codes'], 'codes');
  }

  /** The state before a sound: zeros. */
  initialState(): AudioState {
    return this.config.decoder.states.map(({ shape }) => new Float32Array(shape.reduce((size, extent) => size * extent, 1)));
  }

  /** Decodes consecutive frames, `codes` `[F, levels]`. Frame by frame or all at once gives the same bits. */
  async decode(codes: Int32Array, state: AudioState): Promise<DecodedSamples> {
    const { levels, decoder } = this.config;
    const feeds: Record<string, Tensors[string]> = { codes: int64Tensor(BigInt64Array.from(codes, BigInt), [codes.length / levels, levels]) };
    decoder.states.forEach(({ shape }, i) => {
      feeds[`state_in_${i}`] = floatTensor(state[i] as Float32Array, shape);
    });
    const outputs = await this.#decoder.run(feeds);
    return { samples: floats(outputs['samples'], 'samples'), state: decoder.states.map((_, i) => floats(outputs[`state_out_${i}`], `state_out_${i}`)) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#encoder.close(), this.#decoder.close()]);
  }
}
