/** Runs cases through the client, as a user would: uploads what a case takes, waits for its job, downloads and decodes what it made. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Asset, CinegraphClient, GenerateInput } from '../../src/client/index.ts';
import type { RgbFrame } from '../../src/media/clip.ts';
import type { Media } from '../../src/media/media.ts';
import type { MediaBytes } from '../../src/media/reader.ts';
import type { CaseOutput, CaseResult, CaseSource, QualityCase } from './cases.ts';
import { losslessClip } from './lossless-clip.ts';
import { readNpy, writeNpy } from './npy.ts';

const FPS = 8;
/** Of the sounds that are read. */
const SAMPLE_RATE_HZ = 16_000;
/** Longest time for one job in a full queue. */
const JOB_MS = 1_800_000;
const MOST_FRAMES = 1000;
const CONTENT_TYPES = { IMAGE: 'image/png', MASK: 'image/png', VIDEO: 'video/mp4', AUDIO: 'audio/wav' } as const;

export interface CaseRunnerOptions {
  readonly client: CinegraphClient;
  readonly media: Media;
  /** Sources are below it, results go to `outputs/`. */
  readonly work: string;
}

export class CaseRunner {
  readonly #options: CaseRunnerOptions;

  constructor(options: CaseRunnerOptions) {
    this.#options = options;
  }

  /** Never throws: a case that fails is a result, too. */
  async run(one: QualityCase): Promise<CaseResult> {
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const roundTrips: string[] = [];
      const input = structuredClone(one.input);
      for (const [index, source] of one.sources.entries()) {
        put(input, source.field, await this.#upload(source));
        if (source.roundTrip) roundTrips.push(await this.#roundTrip(source, `outputs/${one.id}-source-${index}.npy`));
      }
      const { assets, warnings } = await this.#generate({ [one.mutation]: input } as GenerateInput);
      const outputs: CaseOutput[] = [];
      for (const [index, { asset, shot }] of assets.entries()) outputs.push(await this.#output(asset, shot, `outputs/${one.id}-${index}`));
      return { error: null, warnings, outputs, roundTrips, seconds: seconds() };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error), warnings: [], outputs: [], roundTrips: [], seconds: seconds() };
    }
  }

  /** The outputs, then the shots of a film. Throws when the job does not succeed. */
  async #generate(input: GenerateInput): Promise<{ readonly assets: readonly { readonly asset: Asset; readonly shot: number | null }[]; readonly warnings: readonly string[] }> {
    const handle = await this.#options.client.generate(input);
    const shots: { readonly asset: Asset; readonly shot: number }[] = [];
    const signal = AbortSignal.timeout(JOB_MS);
    for await (const event of handle.events({ signal })) if (event.__typename === 'ShotReady') shots.push({ asset: event.asset, shot: event.shot });
    signal.throwIfAborted();
    const job = await handle.reload();
    if (job.status !== 'SUCCEEDED') throw new Error(`${job.status}: ${job.error?.code ?? ''} ${job.error?.message ?? ''}`);
    return { assets: [...job.outputs.map((asset) => ({ asset, shot: null })), ...shots], warnings: job.warnings.map(({ code }) => code) };
  }

  async #upload({ kind, file }: CaseSource): Promise<string> {
    const from = path.join(this.#options.work, file);
    const bytes = kind === 'VIDEO' ? await losslessClip(await readClip(from), FPS) : await readFile(from);
    const asset = await this.#options.client.upload(new Blob([new Uint8Array(bytes)], { type: CONTENT_TYPES[kind] }), { kind, filename: path.basename(file) });
    return asset.id;
  }

  async #roundTrip({ file }: CaseSource, to: string): Promise<string> {
    const { media, work } = this.#options;
    const frames = await readClip(path.join(work, file));
    const { width = 0, height = 0 } = frames[0] ?? {};
    const { bytes } = await media.video(frames, FPS);
    await this.#decode(bytes, { width, height, fps: FPS }, to);
    return to;
  }

  async #output(asset: Asset, shot: number | null, to: string): Promise<CaseOutput> {
    const { client, media, work } = this.#options;
    const nothing = { kind: asset.kind, file: null, sound: null, text: null, durationMs: null, shot };
    switch (asset.__typename) {
      case 'TextAsset':
        return { ...nothing, text: asset.text };
      case 'AudioAsset': {
        const file = `${to}.npy`;
        await this.#decodeSound(await client.download(asset), asset.durationMs, file);
        return { ...nothing, file, durationMs: asset.durationMs };
      }
      case 'ImageAsset': {
        const file = `${to}.npy`;
        await this.#decode(await client.download(asset), { ...asset, fps: FPS }, file);
        return { ...nothing, file };
      }
      case 'VideoAsset': {
        const [file, sound] = [`${to}.npy`, asset.hasAudio ? `${to}-sound.npy` : null];
        const bytes = await client.download(asset);
        await this.#decode(bytes, asset, file);
        if (sound !== null) await writeSound(path.join(work, sound), await media.decodeSound(mediaBytes(bytes), { sampleRateHz: SAMPLE_RATE_HZ, maxMs: asset.durationMs }));
        return { ...nothing, file, sound, durationMs: asset.durationMs };
      }
    }
  }

  async #decode(bytes: Uint8Array, { width, height, fps }: { readonly width: number; readonly height: number; readonly fps: number }, to: string): Promise<void> {
    const { frames } = await this.#options.media.decodeInput(mediaBytes(bytes), { width, height, fps, maxFrames: MOST_FRAMES, fit: 'crop' });
    await writeNpy(path.join(this.#options.work, to), { shape: [frames.length, height, width, 3], data: Buffer.concat(frames.map(({ rgb }) => rgb)) });
  }

  async #decodeSound(bytes: Uint8Array, maxMs: number, to: string): Promise<void> {
    await writeSound(path.join(this.#options.work, to), await this.#options.media.decodeSound(mediaBytes(bytes), { sampleRateHz: SAMPLE_RATE_HZ, maxMs }));
  }
}

async function writeSound(file: string, { samples }: { readonly samples: Float32Array }): Promise<void> {
  await writeNpy(file, { shape: [samples.length], data: samples });
}

async function readClip(file: string): Promise<RgbFrame[]> {
  const { shape, data } = await readNpy(file);
  const [count = 0, height = 0, width = 0] = shape;
  const size = width * height * 3;
  return Array.from({ length: count }, (_, index) => ({ width, height, rgb: new Uint8Array(data.buffer, data.byteOffset + index * size, size) }));
}

function mediaBytes(bytes: Uint8Array): MediaBytes {
  return {
    byteSize: bytes.byteLength,
    async *read(start, end) {
      yield bytes.subarray(start, end + 1);
    },
  };
}

function put(input: Record<string, unknown>, field: readonly string[], value: string): void {
  const [last = ''] = field.slice(-1);
  let at = input;
  for (const name of field.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[last] = value;
}
