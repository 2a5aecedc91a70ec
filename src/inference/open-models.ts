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
  const decoder = await VideoDecoder.open(bundle, options);
  const encoder = await VideoEncoder.open(bundle, options);
  const audio = await AudioCodec.open(bundle, options);
  const depth = await DepthEstimator.open(bundle, options);
  const enlarger = await SuperResolution.open(bundle, options);
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
