import { FilterAPI } from 'node-av/api';
import { checkDuration, framesOf, packetsOf, withInput } from './caged-input.ts';
import type { MediaFormat } from './media-kinds.ts';
import { LIMITS } from './media-limits.ts';
import { type DecodedPcm, type Inspected, Refused } from './reader-messages.ts';
import { withEnd } from './read-video.ts';
import { drawWaveform } from './waveform.ts';

/** Enough for a picture of the sound, Hz. */
const WAVEFORM_RATE_HZ = 8000;

/** Decodes the whole sound and draws it. Throws {@link Refused}. */
export async function inspectAudio(bytes: Buffer, format: MediaFormat): Promise<Inspected> {
  const { samples, codec } = await decode(bytes, format, WAVEFORM_RATE_HZ, (LIMITS.durationMs / 1000) * WAVEFORM_RATE_HZ + 1);
  const durationMs = Math.round((samples.length / WAVEFORM_RATE_HZ) * 1000);
  checkDuration(durationMs);
  return {
    contentType: format.contentType === 'video/webm' ? 'audio/webm' : format.contentType,
    width: null, height: null, fps: null, frameCount: null, durationMs, hasAudio: true, ...codec, thumbnail: await drawWaveform(samples), thumbhash: '',
  };
}

/** Mono samples from -1 to 1, up to maxSamples. Throws {@link Refused}. */
export async function decodePcm(bytes: Buffer, format: MediaFormat, sampleRateHz: number, maxSamples: number): Promise<DecodedPcm> {
  const { samples, truncated } = await decode(bytes, format, sampleRateHz, maxSamples);
  return { sampleRateHz, samples, truncated };
}

interface Sound {
  readonly samples: Float32Array;
  readonly truncated: boolean;
  readonly codec: { readonly sampleRateHz: number; readonly channels: number };
}

function decode(bytes: Buffer, format: MediaFormat, sampleRateHz: number, maxSamples: number): Promise<Sound> {
  return withInput(bytes, format, async input => {
    const stream = input.audio();
    if (stream === undefined) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', 'The file has no sound track.');
    const filter = FilterAPI.create(`aresample=${sampleRateHz}:rematrix_maxval=1.0,aformat=sample_fmts=flt:channel_layouts=mono`, { threads: 1 });
    const parts: Float32Array[] = [];
    let length = 0;
    try {
      const frames = framesOf(stream, packetsOf(input, stream, { packets: 0, ofStream: 0, enough: false }));
      for await (const frame of filter.frames(withEnd(frames))) {
        if (frame === null) continue;
        const bytes = frame.toBuffer();
        frame.free();
        parts.push(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
        length += bytes.byteLength / 4;
        if (length > maxSamples) break;
      }
    } finally {
      filter.close();
    }
    if (length === 0) throw new Refused('MEDIA_CORRUPT', 'Nothing of the sound can be decoded.');
    const { sampleRate, channels } = stream.codecpar;
    return { samples: join(parts, Math.min(length, maxSamples)), truncated: length > maxSamples, codec: { sampleRateHz: Math.max(1, sampleRate), channels: Math.max(1, channels) } };
  });
}

function join(parts: readonly Float32Array[], length: number): Float32Array {
  const samples = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    samples.set(part.subarray(0, length - at), at);
    at += Math.min(part.length, length - at);
  }
  return samples;
}
