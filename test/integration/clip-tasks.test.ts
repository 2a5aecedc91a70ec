import { createHash, randomUUID } from 'node:crypto';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationEvent, GenerationRequest, RawFrame } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { readTokens } from '../../src/jobs/asset-tokens.ts';
import type { AssetRecord, GenerateInput, JobEventRecord, JobRecord } from '../../src/services/contract.ts';
import { readCheckpoint, saveCheckpoint } from '../../src/jobs/checkpoint.ts';
import { intercept } from '../support/data-inference.ts';
import { ADA, BOB, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { mp4 } from '../support/media-files.ts';

const PROMPT = 'a fox bounces on a red background';
/** Positions of a latent frame of the tiny bundle. */
const FRAME = 16;

/** Every clip task, on the real engine, database, queue and media. One stack: a result of one test is a source of the next. */
describe('clip tasks', () => {
  let client: ReturnType<typeof createInferenceClient>;
  let stack: DataStack;
  let encoded = 0;
  /** What control videos were made of. */
  let followed: readonly (readonly RawFrame[])[] = [];
  const requests: GenerationRequest[] = [];
  let before: (event: GenerationEvent, request: GenerationRequest) => void = () => {};
  /** What encoding waits for. */
  let gate: Promise<void> | undefined;

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, restart: { backoffMs: 10, maxCrashes: 50 } });
    await client.ready();
    const watched = intercept(client, (event, _signal, request) => {
      if (event.type === 'started') requests.push(request);
      before(event, request);
    });
    const encode = async (frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> => {
      encoded += frames.length;
      await gate;
      return client.encode(frames, signal);
    };
    const encodeControl = (frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> => {
      followed = [...followed, frames];
      return client.encodeControl(frames, signal);
    };
    stack = await openDataStack({ inference: { ...watched, get info() { return client.info; }, encode, encodeControl } });
    await stack.startRunner();
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await client.close();
  });

  interface Made {
    readonly job: JobRecord;
    readonly assets: readonly AssetRecord[];
    readonly asset: AssetRecord;
    readonly events: readonly JobEventRecord[];
  }

  /** Runs a job to its end and checks what holds for every one. */
  async function make(input: Omit<GenerateInput, 'prompt'> & { readonly prompt?: string }): Promise<Made> {
    const { id } = await stack.services.generation.generate(ADA, { prompt: PROMPT, seed: 3, ...input });
    const events = await collectEvents(stack.services, id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const [[job], [assets = []]] = await Promise.all([stack.services.jobs.byIds(ADA, [id]), stack.services.assets.byJobIds(ADA, [id])]);
    if (job == null) throw new Error('the job is gone');
    expect([job.status, job.errorMessage]).toEqual(['SUCCEEDED', null]);
    expect(assets.map(({ candidate }) => candidate)).toEqual(Array.from({ length: input.candidates ?? 1 }, (_, index) => index));
    for (const asset of assets) {
      const attempt = events.slice(events.findLastIndex(({ type }) => type === 'JobStarted'));
      const shown = attempt.flatMap(event => (event.type === 'FramesDecoded' && event.final && event.candidate === asset.candidate ? event.frames.map(({ index }) => index) : []));
      expect(shown, 'every frame of the result is shown once').toEqual(Array.from({ length: asset.frameCount ?? 1 }, (_, index) => index));
    }
    const done = events.flatMap(event => (event.type === 'TokensGenerated' ? [event.tokensDone] : []));
    expect(done.at(-1) ?? job.tokensTotal, 'progress reaches the total that was announced').toBe(job.tokensTotal);
    return { job, assets, asset: assets[0] as AssetRecord, events };
  }

  const parentsOf = async ({ id }: AssetRecord): Promise<string[]> => ((await stack.services.assets.relatives(ADA, 'parents', [id], { first: 10 }))[0]?.edges ?? []).map(({ node }) => node.id);
  const tokensOf = async ({ id }: AssetRecord) => {
    const tokens = await readTokens(stack.database.pool, id);
    if (tokens === undefined) throw new Error('no tokens');
    return tokens;
  };
  /** The frames behind the file, as raw as the model gave them: the digest proves it. */
  async function framesOf(asset: AssetRecord): Promise<readonly RawFrame[]> {
    const { frames } = await stack.media.decodeInput(
      { byteSize: asset.byteSize, read: (start, end) => stack.database.blobs.read(asset.sha256, start, end) },
      { width: 32, height: 32, fps: 8, maxFrames: 500, fit: 'crop' },
    );
    return frames;
  }
  /** A picture or clip as a client would have brought it in. */
  async function upload(kind: 'IMAGE' | 'MASK', bytes: Buffer, width: number, height: number): Promise<string> {
    const { sha256, byteSize } = await stack.database.blobs.put(bytes);
    const { id } = await stack.database.prisma.asset.create({ data: { id: randomUUID(), ownerId: ADA.ownerId, kind, origin: 'UPLOADED', contentType: 'image/png', byteSize, sha256, tags: [], width, height } });
    return id;
  }
  const picture = (width: number, height: number, colour: string): Promise<Buffer> => sharp({ create: { width, height, channels: 3, background: colour } }).png().toBuffer();
  const digestOf = (frames: readonly RawFrame[]): string => frames.reduce((hash, { rgb }) => hash.update(rgb), createHash('sha256')).digest('hex');
  const distance = (left: RawFrame | undefined, right: RawFrame | undefined): number => {
    if (left === undefined || right === undefined) throw new Error('a frame is missing');
    return left.rgb.reduce((sum, value, i) => sum + Math.abs(value - (right.rgb[i] as number)), 0) / left.rgb.length;
  };

  let clip: AssetRecord;
  let image: AssetRecord;
  beforeAll(async () => {
    ({ asset: clip } = await make({ task: 'TEXT_TO_VIDEO' }));
    ({ asset: image } = await make({ task: 'TEXT_TO_IMAGE' }));
  });

  it('keeps the codes of what it makes', async () => {
    expect((await tokensOf(clip)).codes).toHaveLength(5 * FRAME);
    expect(await tokensOf(image)).toMatchObject({ codec: client.info?.bundle.codec, skip: 0, exact: true });
  });

  it('image to video begins with the codes of our own picture, which is not encoded again', async () => {
    const before = encoded;
    const { asset } = await make({ task: 'IMAGE_TO_VIDEO', image: image.id });
    expect((await tokensOf(asset)).codes.slice(0, FRAME)).toEqual((await tokensOf(image)).codes);
    expect(await parentsOf(asset)).toEqual([image.id]);
    expect(asset).toMatchObject({ kind: 'VIDEO', frameCount: 17 });
    expect(encoded).toBe(before);
  });

  it('image to video takes a picture of any shape, and says what it did to it', async () => {
    const source = await upload('IMAGE', await picture(300, 100, '#aa3300'), 300, 100);
    const { asset, job } = await make({ task: 'IMAGE_TO_VIDEO', image: source, durationMs: 5_000, camera: 'PAN_LEFT' });
    expect(job.warnings).toContainEqual({ code: 'INPUT_FITTED', message: expect.stringContaining('300 x 100') as string });
    expect(requests.at(-1)?.prompt).toBe(`${PROMPT}, the camera pans left`);
    expect([asset.frameCount, await parentsOf(asset)]).toEqual([41, [source]]);
    expect((await tokensOf(asset)).codes.slice(0, FRAME)).toEqual(await client.encode(await framesOf(await assetOf(source)), new AbortController().signal));
  });
  async function assetOf(id: string): Promise<AssetRecord> {
    const [asset] = await stack.services.assets.byIds(ADA, [id]);
    if (asset == null) throw new Error('no asset');
    return asset;
  }

  it('extends by half a minute, window by window, on the tokens of the source', async () => {
    const before = encoded;
    const { asset, events, job } = await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 30_000 });
    expect(asset).toMatchObject({ frameCount: 17 + 240, durationMs: 32_125 });
    const { codes, exact } = await tokensOf(asset);
    expect(codes.slice(0, 5 * FRAME)).toEqual((await tokensOf(clip)).codes);
    expect([codes.length, exact, encoded, await parentsOf(asset)]).toEqual([65 * FRAME, true, before, [clip.id]]);
    const parts = events.flatMap(event => (event.type === 'ShotStarted' ? [[event.shot, event.shots]] : []));
    expect(parts).toEqual(Array.from({ length: 30 }, (_, index) => [index, 30]));
    expect(job.tokensTotal).toBe(30 * 4 * FRAME);
    // The source comes back as it was: the same frames, encoded with the same settings.
    const [source, longer] = [await framesOf(clip), await framesOf(asset)];
    for (const [index, frame] of source.entries()) expect(distance(frame, longer[index])).toBeLessThan(6);
  });

  it('an extension goes on without a prompt of its own, and the same seed gives the same clip', async () => {
    const [first, second, other] = [
      await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 1_000 }),
      await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 1_000 }),
      await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 1_000, seed: 4 }),
    ];
    expect(second.asset.framesSha256).toBe(first.asset.framesSha256);
    expect(other.asset.framesSha256).not.toBe(first.asset.framesSha256);
    const { id } = await stack.services.generation.generate(ADA, { task: 'EXTEND_VIDEO', video: clip.id, extraMs: 1_000, seed: 3 });
    await collectEvents(stack.services, id);
    expect((await stack.services.jobs.byIds(ADA, [id]))[0]?.input).toMatchObject({ prompt: PROMPT });
  });

  it('edits from a frame on: all candidates share what comes before it', async () => {
    const { assets, job } = await make({ task: 'EDIT_VIDEO', video: clip.id, fromFrame: 7, candidates: 3 });
    const source = (await tokensOf(clip)).codes;
    const made = await Promise.all(assets.map(async asset => (await tokensOf(asset)).codes));
    for (const codes of made) expect(codes.slice(0, 2 * FRAME)).toEqual(source.slice(0, 2 * FRAME));
    expect(new Set(made.map(codes => codes.slice(2 * FRAME).join())).size).toBe(3);
    expect(job.warnings).toMatchObject([{ code: 'FRAME_ROUNDED', message: expect.stringContaining('frame 5 instead of 7') as string }]);
    expect(await parentsOf(assets[2] as AssetRecord)).toEqual([clip.id]);
    const [first, , last] = assets as [AssetRecord, AssetRecord, AssetRecord];
    await stack.services.assets.choose(ADA, first.id);
    await stack.services.assets.choose(ADA, last.id);
    const [outputs] = await stack.services.assets.byJobIds(ADA, [job.id]);
    expect(outputs?.map(({ chosen }) => chosen)).toEqual([false, false, true]);
    await expect(stack.services.assets.choose(BOB, last.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('inpaints a rectangle: it alone is new, the rest is the source', async () => {
    const { asset } = await make({ task: 'INPAINT_VIDEO', video: clip.id, mask: { rectangle: { x: 0, y: 0, width: 0.5, height: 1 } } });
    const { codes, exact } = await tokensOf(asset);
    const source = (await tokensOf(clip)).codes;
    const right = (all: Int32Array) => [...all].filter((_, position) => position % 4 >= 2);
    const left = (all: Int32Array) => [...all].filter((_, position) => position % 4 < 2);
    expect(right(codes)).toEqual(right(source));
    expect(left(codes)).not.toEqual(left(source));
    expect([exact, asset.frameCount, await parentsOf(asset)]).toEqual([false, 17, [clip.id]]);
    const half = (frame: RawFrame | undefined, keepLeft: boolean): RawFrame => ({ ...(frame as RawFrame), rgb: (frame as RawFrame).rgb.filter((_, i) => Math.floor(i / 3) % 32 < 15 === keepLeft) });
    const [before, after] = [await framesOf(clip), await framesOf(asset)];
    // Both were encoded with loss, and noise is hard to encode: the kept half differs by that alone.
    expect(distance(half(before[8], true), half(after[8], true))).toBeGreaterThan(3 * distance(half(before[8], false), half(after[8], false)));
  });

  it('inpaints where a mask is white, of a clip that was composed before, and names both as parents', async () => {
    const composed = await make({ task: 'INPAINT_VIDEO', video: clip.id, mask: { rectangle: { x: 0, y: 0, width: 0.25, height: 0.25 } } });
    const mask = await upload('MASK', await sharp({ create: { width: 64, height: 64, channels: 3, background: 'black' } }).composite([{ input: await picture(32, 64, 'white'), left: 32, top: 0 }]).png().toBuffer(), 64, 64);
    const { asset } = await make({ task: 'INPAINT_VIDEO', video: composed.asset.id, mask: { asset: mask } });
    expect((await parentsOf(asset)).toSorted()).toEqual([composed.asset.id, mask].toSorted());
    const kept = (all: Int32Array) => [...all].filter((_, position) => position % 4 < 2);
    expect(kept((await tokensOf(asset)).codes)).toEqual(kept((await tokensOf(composed.asset)).codes));
  });

  it('outpaints: the clip is scaled down into the frame, and what lies around it is new', async () => {
    const { asset, job } = await make({ task: 'OUTPAINT_VIDEO', video: clip.id, padding: { left: 0.5, right: 0.5, top: 0.5, bottom: 0.5 } });
    expect([job.warnings, await parentsOf(asset), asset.frameCount]).toEqual([[], [clip.id], 17]);
    const wide = await make({ task: 'OUTPAINT_VIDEO', video: clip.id, padding: { left: 1, right: 0, top: 0, bottom: 0 } });
    expect(wide.job.warnings).toMatchObject([{ code: 'CANVAS_WIDENED' }]);
    const known = requests.at(-1)?.source?.codes ?? new Int32Array();
    // Half of the frame's width and height, in the right half and in the middle: two of four columns, two of four rows.
    expect(Array.from(known.subarray(0, FRAME), code => Number(code >= 0))).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0]);
  });

  it('stylizes a clip of its own: it is as long, and told the look behind what the clip was told', async () => {
    const { asset, job } = await make({ task: 'STYLIZE_VIDEO', video: clip.id, prompt: 'as a pencil sketch' });
    expect([asset.kind, asset.frameCount, await parentsOf(asset), job.warnings]).toEqual(['VIDEO', 17, [clip.id], []]);
    expect(requests.at(-1)).toMatchObject({ task: 'STYLIZE_VIDEO', prompt: `${PROMPT}, as a pencil sketch`, source: { latents: 5 } });
    // Of our own clip the decoded codes are looked at, not the file, which was encoded with loss.
    const seen = followed.at(-1) ?? [];
    expect([seen.length, digestOf(seen)]).toEqual([17, clip.framesSha256]);
    expect(requests.at(-1)?.control).toEqual(await client.encodeControl(seen, new AbortController().signal));
    const made = await tokensOf(asset);
    expect([made.exact, made.codes.length]).toEqual([true, 5 * FRAME]);
    expect(made.codes).not.toEqual((await tokensOf(clip)).codes);
    const again = await make({ task: 'STYLIZE_VIDEO', video: clip.id, prompt: '', style: 'SKETCH' });
    expect(again.asset.framesSha256, 'the same said another way').toBe(asset.framesSha256);
    const other = await make({ task: 'STYLIZE_VIDEO', video: clip.id, prompt: 'PIXEL' });
    expect(other.asset.framesSha256).not.toBe(asset.framesSha256);
  });

  it('stylizes an upload of any length, window by window: told its look alone, it says first what it sees', async () => {
    const bytes = await mp4(24);
    const { sha256, byteSize } = await stack.database.blobs.put(bytes);
    const source = await stack.database.prisma.asset.create({ data: { id: randomUUID(), ownerId: ADA.ownerId, kind: 'VIDEO', origin: 'UPLOADED', contentType: 'video/mp4', byteSize, sha256, tags: [], width: 64, height: 48, fps: 8, frameCount: 24, durationMs: 3000 } });
    const { asset, job, events } = await make({ task: 'STYLIZE_VIDEO', video: source.id, prompt: 'in pixel art style', candidates: 2 });
    expect(job.warnings).toContainEqual({ code: 'INPUT_FITTED', message: expect.stringContaining('64 x 48') as string });
    const [described, drawn] = requests.slice(-2);
    expect(described).toMatchObject({ task: 'VIDEO_TO_TEXT', candidates: 1, sampling: { temperature: 0, deterministic: true } });
    expect(described?.video, 'as much as the model looks at').toHaveLength(5 * FRAME);
    const told = /^(.+), in pixel art style$/.exec(drawn?.prompt ?? '')?.[1];
    expect(told).toBeTruthy();
    expect(job.warnings).toContainEqual({ code: 'SOURCE_DESCRIBED', message: expect.stringContaining(`"${told}"`) as string });
    expect(drawn).toMatchObject({ task: 'STYLIZE_VIDEO', source: { latents: 6 } });
    expect([asset.frameCount, await parentsOf(asset)]).toEqual([21, [source.id]]);
    expect(events.filter(({ type }) => type === 'ShotStarted')).toHaveLength(2);
    expect(followed.at(-1)?.map(({ width, height }) => [width, height])).toEqual(Array.from({ length: 21 }, () => [32, 32]));
    expect(requests.at(-1)?.control).toHaveLength(6 * FRAME);
    await make({ task: 'STYLIZE_VIDEO', video: source.id, prompt: 'in pixel art style', style: 'NIGHT' });
    expect(requests.at(-1)?.prompt, 'both looks are kept').toMatch(/^.+, in pixel art style, in moonlight$/);
  });

  it('refuses what cannot be, and says which field', async () => {
    const base = { prompt: PROMPT };
    const cases: readonly [GenerateInput, string, readonly string[]][] = [
      [{ ...base, task: 'IMAGE_TO_VIDEO', image: clip.id }, 'INVALID_INPUT', ['input', 'image']],
      [{ ...base, task: 'IMAGE_TO_VIDEO', image: randomUUID() }, 'NOT_FOUND', ['input', 'image']],
      [{ ...base, task: 'EXTEND_VIDEO', video: clip.id, extraMs: 0 }, 'DURATION_NOT_SUPPORTED', ['input', 'extraMs']],
      [{ ...base, task: 'EXTEND_VIDEO', video: clip.id, extraMs: 600_000 }, 'DURATION_NOT_SUPPORTED', ['input', 'extraMs']],
      [{ ...base, task: 'EDIT_VIDEO', video: clip.id, fromFrame: 17 }, 'INVALID_INPUT', ['input', 'fromFrame']],
      [{ ...base, task: 'EDIT_VIDEO', video: clip.id, fromFrame: 0 }, 'INVALID_INPUT', ['input', 'fromFrame']],
      [{ ...base, task: 'INPAINT_VIDEO', video: clip.id, mask: { rectangle: { x: 0.5, y: 0, width: 0.6, height: 1 } } }, 'INVALID_INPUT', ['input', 'mask', 'rectangle']],
      [{ ...base, task: 'INPAINT_VIDEO', video: clip.id, mask: { asset: clip.id } }, 'INVALID_INPUT', ['input', 'mask', 'asset']],
      [{ ...base, task: 'OUTPAINT_VIDEO', video: clip.id, padding: { left: 0, right: 0, top: 0, bottom: 0 } }, 'INVALID_INPUT', ['input', 'padding']],
      [{ task: 'STYLIZE_VIDEO', video: clip.id, prompt: ' ' }, 'PROMPT_EMPTY', ['input', 'prompt']],
      [{ ...base, task: 'STYLIZE_VIDEO', video: image.id }, 'INVALID_INPUT', ['input', 'video']],
      [{ ...base, task: 'STYLIZE_VIDEO', video: randomUUID() }, 'NOT_FOUND', ['input', 'video']],
      [{ ...base, task: 'OUTPAINT_VIDEO', video: clip.id, padding: { left: 3, right: 0, top: 0, bottom: 0 } }, 'INVALID_INPUT', ['input', 'padding']],
    ];
    for (const [input, code, field] of cases) await expect(stack.services.generation.generate(ADA, input)).rejects.toMatchObject({ code, field });
    await expect(stack.services.generation.generate(BOB, { ...base, task: 'EXTEND_VIDEO', video: clip.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('a mask that hides nothing, and a source that is gone, fail the job with a reason', async () => {
    const black = await upload('MASK', await picture(8, 8, 'black'), 8, 8);
    const job = await stack.services.generation.generate(ADA, { prompt: PROMPT, task: 'INPAINT_VIDEO', video: clip.id, mask: { asset: black } });
    await collectEvents(stack.services, job.id);
    expect((await stack.services.jobs.byIds(ADA, [job.id]))[0]).toMatchObject({ status: 'FAILED', errorCode: 'INVALID_INPUT', errorMessage: expect.stringContaining('black') as string });
  });

  it('a job that is canceled while its source is read ends at once, with nothing', async () => {
    const source = await upload('IMAGE', await picture(40, 40, '#00aa33'), 40, 40);
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    const before = encoded;
    const job = await stack.services.generation.generate(ADA, { prompt: PROMPT, task: 'IMAGE_TO_VIDEO', image: source });
    await expect.poll(() => encoded, { timeout: 60_000 }).toBeGreaterThan(before);
    expect(await stack.services.jobs.cancel(ADA, job.id)).toMatchObject({ status: 'CANCELED' });
    gate = undefined;
    opened.resolve();
    expect((await collectEvents(stack.services, job.id)).map(({ type }) => type)).toEqual(['JobQueued', 'JobFinished']);
  });

  it('the inference process dies in the middle of a long extension: it goes on at the last whole window, to the same bytes', async () => {
    const whole = await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 30_000 });
    /** By attempt. Windows that were on their way when the process died still arrive. */
    const windows = new Map<string, number[]>();
    before = (event, { id }) => {
      if (event.type !== 'window') return;
      const seen = [...(windows.get(id) ?? []), event.index];
      windows.set(id, seen);
      if (windows.size === 1 && seen.length === 4) process.kill(client.pid ?? 0, 'SIGKILL');
    };
    const again = await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 30_000 });
    // The window that had begun begins again, those before it do not.
    const [first = [], second = [], ...more] = windows.values();
    const last = first.length - 1;
    expect([first, more]).toEqual([Array.from({ length: last + 1 }, (_, index) => index), []]);
    expect([last - 1, last]).toContain(second[0]);
    expect(second).toEqual(second.map((_, index) => (second[0] ?? 0) + index));
    expect(again.job.attempt).toBe(2);
    expect([again.asset.framesSha256, again.asset.sha256]).toEqual([whole.asset.framesSha256, whole.asset.sha256]);
    expect((await stack.database.pool.query('SELECT FROM job_checkpoint')).rowCount).toBe(0);
  });

  it('a checkpoint of another model is not gone on from, and a late owner cannot leave one', async () => {
    const { job } = await make({ task: 'EXTEND_VIDEO', video: clip.id, extraMs: 8_000 });
    const { pool } = stack.database;
    await pool.query(`UPDATE job SET status = 'RUNNING', finished_at = NULL WHERE id = $1`, [job.id]);
    const codes = [Int32Array.of(1, 2), Int32Array.of(3, 4)];
    expect(await saveCheckpoint(pool, { jobId: job.id, attempt: job.attempt - 1 }, { part: 0, modelDigest: 'a', codes })).toBe(false);
    expect(await saveCheckpoint(pool, { jobId: job.id, attempt: job.attempt }, { part: 0, modelDigest: 'a', codes })).toBe(true);
    expect(await readCheckpoint(pool, job.id, 0, 'a', 2)).toEqual(codes);
    expect(await readCheckpoint(pool, job.id, 0, 'b', 2)).toBeUndefined();
    await pool.query(`UPDATE job SET status = 'SUCCEEDED', finished_at = now() WHERE id = $1`, [job.id]);
    await pool.query('DELETE FROM job_checkpoint');
  });
});
