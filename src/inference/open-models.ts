/** Loads a bundle's graphs on one provider and runs the self-check: what process.ts and probe.ts share. */
import type { Bundle } from './core/bundle.ts';
import { selfCheck, type CheckedModels, type SelfCheck } from './engine/self-check.ts';
import { AudioCodec } from './models/audio-codec.ts';
import { DepthEstimator } from './models/depth-estimator.ts';
import { LanguageModel } from './models/language-model.ts';
import { SuperResolution } from './models/super-resolution.ts';
import { VideoDecoder } from './models/video-decoder.ts';
import { VideoEncoder } from './models/video-encoder.ts';
import type { SessionOptions } from './runtime/graph-session.ts';

/** Owner of the sessions until `close`. */
export interface Models extends CheckedModels {
  readonly check: SelfCheck;
  close(): Promise<void>;
}

/** Throws what onnxruntime or the self-check threw. */
export async function openModels(bundle: Bundle, options: SessionOptions): Promise<Models> {
  const language = await LanguageModel.open(bundle, options);
  // Two of them have threads of their own, and load beside the others.
  const [decoder, enlarger, encoder, audio, depth] = await Promise.all([
    VideoDecoder.open(bundle, options),
    SuperResolution.open(bundle, options),
    VideoEncoder.open(bundle, options),
    AudioCodec.open(bundle, options),
    DepthEstimator.open(bundle, options),
  ]);
  const models = { language, decoder, encoder, audio, depth, enlarger };
  const close = async (): Promise<void> => {
    await Promise.all([language.close(), decoder.close(), encoder.close(), audio?.close(), depth?.close(), enlarger?.close()]);
  };
  try {
    return { ...models, check: await selfCheck(bundle.manifest, models), close };
  } catch (error) {
    await close();
    throw error;
  }
}
