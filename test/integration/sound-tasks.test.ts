import { Demuxer } from 'node-av/api';
import { AV_CODEC_ID_AAC } from 'node-av/constants';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationEvent, GenerationRequest } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { readTokens } from '../../src/jobs/asset-tokens.ts';
import type { AssetRecord, GenerateInput, JobEventRecord, JobRecord } from '../../src/services/contract.ts';
import { intercept } from '../support/data-inference.ts';
import { ADA, BOB, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { mp4, wav } from '../support/media-files.ts';

const PROMPT = 'a fox bounces on a red background';
const RATE_HZ = 16_000;
/** Codes of a second of the tiny bundle's sound. */
const LEVELS = 2;

/** The tasks that make or hear sounds, and those that write, on the real engine, database, queue and media. One stack: a result of one test is a source of the next. */
describe('sound and captions', () => {
  let client: ReturnType<typeof createInferenceClient>;
  let stack: DataStack;
  const requests: GenerationRequest[] = [];
  /** Sounds that were encoded. */
  let encoded = 0;
  let before: (event: GenerationEvent) => void = () => {};

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, restart: { backoffMs: 10, maxCrashes: 50 } });
    await client.ready();
    const watched = intercept(client, (event, _signal, request) => {
      if (event.type === 'started') requests.push(request);
      before(event);
    });
    const encodeSound = (samples: Float32Array, signal: AbortSignal): Promise<Int32Array> => {
      encoded++;
      return client.encodeSound(samples, signal);
    };
    stack = await openDataStack({ inference: { ...watched, get info() { return client.info; }, encodeSound } });
    await stack.startRunner();
    ({ asset: clip } = await make({ task: 'TEXT_TO_VIDEO', prompt: PROMPT }));
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await client.close();
  });

  let clip: AssetRecord;

  interface Made {
    readonly job: JobRecord;
    readonly assets: readonly AssetRecord[];
    readonly asset: AssetRecord;
    readonly events: readonly JobEventRecord[];
  }

  async function make(input: GenerateInput): Promise<Made> {
    const { id } = await stack.services.generation.generate(ADA, { seed: 3, ...input });
    const events = await collectEvents(stack.services, id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const [[job], [assets = []]] = await Promise.all([stack.services.jobs.byIds(ADA, [id]), stack.services.assets.byJobIds(ADA, [id])]);
    if (job == null) throw new Error('the job is gone');
    expect([job.status, job.errorMessage]).toEqual(['SUCCEEDED', null]);
    expect(await collectEvents(stack.services, id), 'the replay is what was live').toEqual(events);
    return { job, assets, asset: assets[0] as AssetRecord, events };
  }

  const bytesOf = (asset: Pick<AssetRecord, 'sha256' | 'byteSize'>) => ({ byteSize: asset.byteSize, read: (start: number, end: number) => stack.database.blobs.read(asset.sha256, start, end) });
  const fileOf = async (asset: AssetRecord): Promise<Buffer> => Buffer.concat(await Array.fromAsync(stack.database.blobs.read(asset.sha256, 0, asset.byteSize - 1)));
  const samplesOf = async (asset: AssetRecord): Promise<Float32Array> => (await stack.media.decodeSound(bytesOf(asset), { sampleRateHz: RATE_HZ, maxMs: 70_000 })).samples;
  const soundCodes = async ({ id }: AssetRecord): Promise<Int32Array> => (await readTokens(stack.database.pool, id, 'AUDIO'))?.codes ?? new Int32Array(0);
  const parentsOf = async ({ id }: AssetRecord): Promise<string[]> => ((await stack.services.assets.relatives(ADA, 'parents', [id], { first: 10 }))[0]?.edges ?? []).map(({ node }) => node.id);
  const warned = ({ job }: Made): string[] => job.warnings.map(({ code }) => code).filter(code => code !== 'WORDS_UNKNOWN');

  /** The pieces that could be heard, one after the other without a gap, as they were sent. */
  async function heard({ job, events }: Made, candidate = 0): Promise<{ readonly ms: number; readonly samples: number[] }> {
    let ms = 0;
    const samples: number[] = [];
    for (const event of events) {
      if (event.type !== 'AudioDecoded' || event.candidate !== candidate) continue;
      expect(event.startMs, 'no gap').toBe(ms);
      ms += event.durationMs;
      const piece = await stack.services.jobs.previewSound(ADA, job.id, event.seq);
      expect(await stack.services.jobs.previewSound(BOB, job.id, event.seq)).toBeNull();
      if (piece === null) throw new Error('the piece is gone');
      for (let at = 44; at < piece.length; at += 2) samples.push(piece.readInt16LE(at));
    }
    return { ms, samples };
  }

  async function upload(kind: 'AUDIO' | 'VIDEO', bytes: Buffer): Promise<string> {
    const { sha256, byteSize } = await stack.database.blobs.put(bytes);
    const seen = await stack.media.inspect({ byteSize, read: (start, end) => stack.database.blobs.read(sha256, start, end) }, kind);
    const { contentType, width, height, fps, frameCount, durationMs, hasAudio, sampleRateHz, channels } = seen;
    const { id } = await stack.database.prisma.asset.create({
      data: { id: randomUUID(), ownerId: ADA.ownerId, kind, origin: 'UPLOADED', contentType, byteSize, sha256, tags: [], width, height, fps, frameCount, durationMs, hasAudio, sampleRateHz, channels },
    });
    return id;
  }

  it('text to sound: what could be heard is what is stored, beside its codes', async () => {
    const made = await make({ task: 'TEXT_TO_AUDIO', prompt: 'a dog barks', candidates: 2 });
    expect(made.assets.map(({ candidate }) => candidate)).toEqual([0, 1]);
    expect(made.asset).toMatchObject({ kind: 'AUDIO', contentType: 'audio/wav', durationMs: 2120, sampleRateHz: RATE_HZ, channels: 1, partial: false });
    expect(made.asset.thumbnailSha256).not.toBeNull();
    for (const [candidate, asset] of made.assets.entries()) {
      const { ms, samples } = await heard(made, candidate);
      expect(ms).toBe(2120);
      const file = await fileOf(asset);
      expect(samples).toEqual(Array.from({ length: (file.length - 44) / 2 }, (_, i) => file.readInt16LE(44 + 2 * i)));
      expect(await soundCodes(asset)).toHaveLength(53 * LEVELS);
    }
    expect(made.assets[0]?.sha256).not.toBe(made.assets[1]?.sha256);
    expect((await make({ task: 'TEXT_TO_AUDIO', prompt: 'a dog barks', candidates: 2 })).asset.sha256, 'the same seed, the same bytes').toBe(made.asset.sha256);
  });

  it('a clip gets a sound of its own length, as an asset or as its track, with the prompt that it was made from', async () => {
    const alone = await make({ task: 'VIDEO_TO_AUDIO', video: clip.id });
    expect(requests.at(-1)).toMatchObject({ task: 'VIDEO_TO_AUDIO', prompt: PROMPT });
    expect(alone.asset).toMatchObject({ kind: 'AUDIO', durationMs: 2125 });
    expect(await parentsOf(alone.asset)).toEqual([clip.id]);
    const muxed = await make({ task: 'VIDEO_TO_AUDIO', video: clip.id, muxed: true });
    expect(muxed.asset).toMatchObject({ kind: 'VIDEO', contentType: 'video/mp4', hasAudio: true, durationMs: 2125, frameCount: 17, framesSha256: clip.framesSha256, width: 32 });
    expect(await parentsOf(muxed.asset)).toEqual([clip.id]);
    expect(await soundCodes(muxed.asset)).toEqual(await soundCodes(alone.asset));
    await using input = await Demuxer.open(await fileOf(muxed.asset));
    expect([input.audio()?.codecpar.codecId, input.duration]).toEqual([AV_CODEC_ID_AAC, 2.125]);
    expect(await samplesOf(muxed.asset)).toHaveLength(34_000);
    expect((await readTokens(stack.database.pool, muxed.asset.id))?.codes, 'the picture goes on from its codes').toEqual((await readTokens(stack.database.pool, clip.id))?.codes);
  });

  it('a long clip is heard window by window, each from the last codes of the one before', async () => {
    const { asset: long } = await make({ task: 'TEXT_TO_VIDEO', prompt: PROMPT, durationMs: 5_000 });
    const made = await make({ task: 'VIDEO_TO_AUDIO', video: long.id });
    expect(long.durationMs).toBe(5_125);
    expect(made.asset.durationMs).toBe(long.durationMs);
    expect((await heard(made)).ms).toBe(long.durationMs);
    expect(made.events.filter(({ type }) => type === 'ShotStarted')).toHaveLength(3);
    // Three windows of 53 frames, of which the later two repeat three; cut to the clip's length.
    expect(await soundCodes(made.asset)).toHaveLength(129 * LEVELS);
    expect(made.job.tokensTotal).toBe(3 * 53 * LEVELS);
  });

  it('an upload keeps its picture, its length and what it is called', async () => {
    const id = await upload('VIDEO', await mp4(20, 64, 48, 8));
    const made = await make({ task: 'VIDEO_TO_AUDIO', video: id, muxed: true });
    expect(made.asset).toMatchObject({ width: 64, height: 48, frameCount: 20, durationMs: 2500, hasAudio: true });
    expect(warned(made)).toEqual(['INPUT_FITTED']);
    const again = await make({ task: 'VIDEO_TO_AUDIO', video: made.asset.id });
    expect(warned(again), 'its old sound is not missed').toEqual(['INPUT_FITTED']);
  });

  it('text to video with its sound is one asset, in step with its frames; the seed gives the same again', async () => {
    const made = await make({ task: 'TEXT_TO_VIDEO', prompt: PROMPT, withAudio: true, candidates: 2 });
    expect(made.assets).toHaveLength(2);
    for (const asset of made.assets) {
      expect(asset).toMatchObject({ kind: 'VIDEO', hasAudio: true, durationMs: 2125 });
      expect(await samplesOf(asset)).toHaveLength(34_000);
      expect((await heard(made, asset.candidate ?? 0)).ms, 'the last 5 ms are silence').toBe(2120);
    }
    expect(made.asset.framesSha256, 'the clip is that without sound').toBe(clip.framesSha256);
    expect(made.job.tokensTotal).toBe(2 * (80 + 53 * LEVELS));
    expect(made.events.flatMap(event => (event.type === 'TokensGenerated' ? [event.tokensDone] : [])).at(-1)).toBe(made.job.tokensTotal);
    expect((await make({ task: 'TEXT_TO_VIDEO', prompt: PROMPT, withAudio: true, candidates: 2 })).assets.map(({ sha256 }) => sha256)).toEqual(made.assets.map(({ sha256 }) => sha256));
    const before = encoded;
    const later = await make({ task: 'AUDIO_TO_TEXT', audio: made.asset.id });
    expect(await parentsOf(later.asset)).toEqual([made.asset.id]);
    expect(encoded, 'its sound is known by its codes').toBe(before);
    expect(requests.at(-1)?.sound).toEqual((await soundCodes(made.asset)).slice(0, 53 * LEVELS));
  });

  it('a sound gets a clip of its length, with itself as the track', async () => {
    const { asset: sound } = await make({ task: 'TEXT_TO_AUDIO', prompt: 'a dog barks' });
    const before = encoded;
    const made = await make({ task: 'AUDIO_TO_VIDEO', audio: sound.id });
    expect(encoded, 'a sound of our own is not encoded again').toBe(before);
    expect(made.asset).toMatchObject({ kind: 'VIDEO', frameCount: 17, hasAudio: true });
    expect(await parentsOf(made.asset)).toEqual([sound.id]);
    const uploaded = await make({ task: 'AUDIO_TO_VIDEO', audio: await upload('AUDIO', wav(4, 44_100, 2)), prompt: 'a tone' });
    expect(uploaded.asset).toMatchObject({ durationMs: 4125, hasAudio: true });
    expect(warned(uploaded)).toEqual(['AUDIO_OUTLASTED']);
    await using input = await Demuxer.open(await fileOf(uploaded.asset));
    expect(input.audio()?.codecpar.channels, 'both channels of the upload').toBe(2);
  });

  it('a clip and a sound are told in words', async () => {
    const made = await make({ task: 'VIDEO_TO_TEXT', video: clip.id, candidates: 2 });
    expect(made.assets).toHaveLength(2);
    for (const asset of made.assets) {
      expect(asset).toMatchObject({ kind: 'TEXT', contentType: 'text/plain; charset=utf-8', thumbnailSha256: null });
      expect((await fileOf(asset)).toString('utf8')).toBe(asset.text);
      const told = made.events.flatMap(event => (event.type === 'TextDecoded' && event.candidate === asset.candidate ? [event.text] : []));
      expect(told.at(-1)).toBe(asset.text);
    }
    expect(made.job.input['prompt']).toBe('');
    const long = await make({ task: 'AUDIO_TO_TEXT', audio: await upload('AUDIO', wav(4)) });
    expect(warned(long)).toEqual(['INPUT_CUT']);
  });

  it('a silent sound is said to be silent; one that is shorter than a frame is heard', async () => {
    const silent = wav(1, RATE_HZ).fill(0, 44);
    expect(warned(await make({ task: 'AUDIO_TO_TEXT', audio: await upload('AUDIO', silent) }))).toEqual(['INPUT_SILENT']);
    expect(warned(await make({ task: 'AUDIO_TO_TEXT', audio: await upload('AUDIO', wav(0.02)) }))).toEqual([]);
  });

  it('a film gets sound shot by shot; a clip in the place of a shot keeps its own', async () => {
    const spoken = await upload('VIDEO', await stack.media.addSound({ byteSize: clip.byteSize, read: bytesOf(clip).read }, (({ length }, bytes) => ({ byteSize: length, async *read(start: number, end: number) { yield bytes.subarray(start, end + 1); } }))(wav(2), wav(2))));
    const made = await make({ task: 'FILM', withAudio: true, shots: [{ prompt: PROMPT }, { prompt: 'a fox spins', durationMs: 1500, continuePrevious: true }, { prompt: 'a tone', asset: spoken }] });
    const { asset } = made;
    expect(asset).toMatchObject({ kind: 'VIDEO', hasAudio: true, frameCount: 17 + 12 + 17 });
    const samples = await samplesOf(asset);
    expect(samples).toHaveLength((asset.durationMs ?? 0) * 16);
    const loud = (from: number, to: number): number => Math.sqrt(samples.slice(from, to).reduce((sum, sample) => sum + sample ** 2, 0) / (to - from));
    expect(loud(60_000, 80_000), 'the tone of the last clip').toBeGreaterThan(0.1);
    const [shots = []] = await stack.services.assets.shotsByJobIds(ADA, [made.job.id]);
    expect(shots.map(({ hasAudio, frameCount }) => [hasAudio, frameCount])).toEqual([[true, 17], [true, 12]]);
    expect(await samplesOf(shots[1] as AssetRecord)).toHaveLength(24_000);
    const heardMs = made.events.flatMap(event => (event.type === 'AudioDecoded' ? [event.startMs] : []));
    expect(heardMs).toEqual(heardMs.toSorted((a, b) => a - b));
    expect(heardMs.filter(ms => ms >= 2125).length).toBeGreaterThan(0);
  });

  it('a canceled sound keeps what could be heard', async () => {
    const { id } = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_AUDIO', prompt: 'a dog barks', seed: 3 });
    let canceled: Promise<unknown> | undefined;
    before = event => {
      if (event.type === 'sound') canceled ??= stack.services.jobs.cancel(ADA, id);
    };
    const events = await collectEvents(stack.services, id);
    before = () => {};
    await canceled;
    expect(events.at(-1)).toMatchObject({ type: 'JobFinished', status: 'CANCELED' });
    const [[asset]] = (await stack.services.assets.byJobIds(ADA, [id])) as [[AssetRecord]];
    expect(asset).toMatchObject({ kind: 'AUDIO' });
    expect(asset.durationMs).toBeGreaterThan(0);
  });

  it('refuses what it cannot use, by name', async () => {
    const ask = (input: GenerateInput) => stack.services.generation.generate(ADA, input);
    const { asset: sound } = await make({ task: 'TEXT_TO_AUDIO', prompt: 'a dog barks' });
    await expect(ask({ task: 'TEXT_TO_AUDIO', prompt: ' ' })).rejects.toMatchObject({ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] });
    await expect(ask({ task: 'VIDEO_TO_AUDIO', video: sound.id })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'video'] });
    await expect(ask({ task: 'AUDIO_TO_VIDEO', audio: clip.id })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'audio'] });
    await expect(ask({ task: 'AUDIO_TO_TEXT', audio: randomUUID() })).rejects.toMatchObject({ code: 'NOT_FOUND', field: ['input', 'audio'] });
    await expect(stack.services.generation.generate(BOB, { task: 'VIDEO_TO_TEXT', video: clip.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await stack.services.generation.estimate(ADA, { task: 'VIDEO_TO_AUDIO', video: clip.id, candidates: 2 })).toMatchObject({ tokens: 2 * 53 * LEVELS });
    expect(await stack.services.generation.estimate(ADA, { task: 'TEXT_TO_VIDEO', prompt: PROMPT, withAudio: true })).toMatchObject({ tokens: 80 + 53 * LEVELS });
    expect(await stack.services.generation.estimate(ADA, { task: 'VIDEO_TO_TEXT', video: clip.id })).toMatchObject({ tokens: 32 });
  });
});
