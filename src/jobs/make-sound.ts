import { framesOf, latentsWithin } from '../inference/core/clip-length.ts';
import type { AudioInfo, BundleInfo, GenerationRequest, SamplingParams } from '../inference/core/generation.ts';
import { encodeWav } from '../media/wav.ts';
import type { EncodedMedia, Media } from '../media/media.ts';
import type { MediaBytes } from '../media/reader.ts';
import type { KnownClip } from './asset-reader.ts';
import type { AssetTokens } from './asset-tokens.ts';
import { audioOf } from './audio-of.ts';
import { follow, type Share } from './follow.ts';
import type { RunContext } from './run-context.ts';
import { SoundCollector, type SoundCut } from './sound-collector.ts';

/** What the model is shown of a clip to make its sound, and which part of that sound is the clip's. */
export interface SoundSource {
  /** `[latents, H, W]` */
  readonly video: Int32Array;
  readonly latents: number;
  readonly cut: SoundCut;
}

/** One sound and the codes that it is made of. */
export interface MadeSound {
  readonly samples: Float32Array<ArrayBuffer>;
  readonly tokens: AssetTokens;
}

/**
 * A clip whose codes begin before its first frame (a shot that continues another) is shown from the latent frame before its own on: time begins at the
 * last frame of the first latent frame that is shown.
 */
export function soundSource({ codes, latents, skip }: Pick<KnownClip, 'codes' | 'latents' | 'skip'>, bundle: BundleInfo): SoundSource {
  const { grid: [, height, width], fps, framesPerLatent } = bundle;
  const { sampleRate } = audioOf(bundle);
  const first = Math.max(0, latentsWithin(skip, bundle) - 1);
  const samplesIn = (frames: number): number => Math.round((frames * sampleRate) / fps);
  const cut = { skip: samplesIn(skip - first * framesPerLatent), length: samplesIn(framesOf(latents, bundle) - skip) };
  return { video: codes.slice(first * height * width), latents: latents - first, cut };
}

export interface SoundWish {
  readonly requestId: string;
  readonly owner: string;
  readonly prompt: string;
  readonly seed: number;
  readonly deterministic: boolean;
  /** Which candidate of the job its events name. */
  readonly candidate: number;
  /** Where the clip begins within what its events count, ms. */
  readonly startMs: number;
  readonly share: Share;
}

/** Makes the sound of a clip that was made just now. */
export async function makeSound({ requestId, owner, prompt, seed, deterministic, candidate, startMs, share }: SoundWish, { video, cut }: SoundSource, context: RunContext): Promise<MadeSound> {
  const audio = audioOf(context.info.bundle);
  const sounds = new SoundCollector(1, cut);
  const sampling: SamplingParams = { ...audio.sampling, deterministic };
  const request: GenerationRequest = { id: requestId, owner, task: 'VIDEO_TO_AUDIO', prompt, video, seed, candidates: 1, sampling };
  const codes = await follow(request, {
    sound: async event => {
      const part = sounds.add(0, event);
      if (part !== undefined) await context.recorder.sound(candidate, part, audio.sampleRate, startMs);
    },
  }, share, context);
  return { samples: sounds.whole(0), tokens: soundTokensOf(codes.get(0), cut, audio) };
}

/** Those codes that hold the wanted samples. */
export function soundTokensOf(codes: Int32Array | undefined, { skip, length }: SoundCut, { codec, samplesPerFrame, levels }: AudioInfo): AssetTokens {
  if (codes === undefined) throw new Error('a sound ended without its codes');
  return { kind: 'AUDIO', codec, skip, exact: true, codes: codes.slice(0, Math.ceil((skip + length) / samplesPerFrame) * levels) };
}

/** The clip with a sound track. */
export async function withTrack(media: Media, clip: EncodedMedia, track: MediaBytes): Promise<EncodedMedia> {
  return { ...clip, contentType: 'video/mp4', bytes: await media.addSound(bytesOf(clip.bytes), track), hasAudio: true };
}

/** Samples as a file. */
export function trackOf(samples: Float32Array, { sampleRate }: AudioInfo): MediaBytes {
  return bytesOf(encodeWav(samples, sampleRate));
}

function bytesOf(bytes: Buffer): MediaBytes {
  return {
    byteSize: bytes.byteLength,
    async *read(start, end) {
      yield bytes.subarray(start, end + 1);
    },
  };
}
