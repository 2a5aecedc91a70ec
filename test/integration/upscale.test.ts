import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawFrame } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { readTokens } from '../../src/jobs/asset-tokens.ts';
import type { AssetRecord, GenerateInput, JobEventRecord, JobRecord } from '../../src/services/contract.ts';
import { ADA, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

const PROMPT = 'a fox bounces on a red background';
const SMALL = 32;
const LARGE = 64;

/** Every task that makes a picture or a clip, enlarged, on the real engine, database, queue and media; then what is made from the results. */
describe('upscale', () => {
  let client: ReturnType<typeof createInferenceClient>;
  let stack: DataStack;
  let small: AssetRecord;
  let large: AssetRecord;

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await client.ready();
    stack = await openDataStack({ inference: client });
    await stack.startRunner();
    ({ asset: small } = await make({ task: 'TEXT_TO_VIDEO' }));
    ({ asset: large } = await make({ task: 'TEXT_TO_VIDEO', upscale: 'TWO' }));
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await client.close();
  });

  interface Made {
    readonly job: JobRecord;
    readonly asset: AssetRecord;
    readonly events: readonly JobEventRecord[];
  }

  async function make(input: GenerateInput): Promise<Made> {
    const { id } = await stack.services.generation.generate(ADA, { seed: 3, ...(input.task === 'FILM' ? {} : { prompt: PROMPT }), ...input });
    const events = await collectEvents(stack.services, id);
    const [[job], [assets = []]] = await Promise.all([stack.services.jobs.byIds(ADA, [id]), stack.services.assets.byJobIds(ADA, [id])]);
    if (job == null) throw new Error('the job is gone');
    expect([job.status, job.errorMessage]).toEqual(['SUCCEEDED', null]);
    return { job, asset: assets[0] as AssetRecord, events };
  }

  async function framesOf(asset: AssetRecord, side: number): Promise<readonly RawFrame[]> {
    const source = { byteSize: asset.byteSize, read: (start: number, end: number) => stack.database.blobs.read(asset.sha256, start, end) };
    const { frames, sourceWidth, sourceHeight } = await stack.media.decodeInput(source, { width: side, height: side, fps: 8, maxFrames: 500, fit: 'crop' });
    expect([sourceWidth, sourceHeight], 'the size of the file is the size of the asset').toEqual([asset.width, asset.height]);
    return frames;
  }
  const codesOf = async ({ id }: AssetRecord): Promise<Int32Array> => (await readTokens(stack.database.pool, id))?.codes ?? new Int32Array(0);
  const sizes = (events: readonly JobEventRecord[]): Set<string> => new Set(events.flatMap(event => (event.type === 'FramesDecoded' ? event.frames.map(({ width, height }) => `${width}x${height}`) : [])));
  /** Mean difference of the pixels that `where` names, `[0, 1]` across and down. */
  const distance = (left: RawFrame, right: RawFrame, where: (x: number, y: number) => boolean = () => true): number => {
    let [sum, count] = [0, 0];
    left.rgb.forEach((value, i) => {
      const pixel = Math.floor(i / 3);
      if (!where((pixel % left.width) / left.width, Math.floor(pixel / left.width) / left.height)) return;
      sum += Math.abs(value - (right.rgb[i] as number));
      count += 1;
    });
    return sum / count;
  };
  const frame = (frames: readonly RawFrame[], index: number): RawFrame => {
    const found = frames[index];
    if (found === undefined) throw new Error(`no frame ${index}`);
    return found;
  };

  it('gives the same clip, twice as wide and high, from the same codes', async () => {
    expect([small.width, small.height, large.width, large.height, large.frameCount]).toEqual([SMALL, SMALL, LARGE, LARGE, small.frameCount]);
    expect(await codesOf(large)).toEqual(await codesOf(small));
    const [before, after] = [await framesOf(small, SMALL), await framesOf(large, SMALL)];
    const [own, other] = [distance(frame(before, 8), frame(after, 8)), distance(frame(before, 8), frame(after, 0))];
    expect(own, 'scaled down it is the clip that it was').toBeLessThan(other);
  });

  it('shows its frames, previews too, at their final size', async () => {
    const { events, job, asset } = await make({ task: 'TEXT_TO_VIDEO', upscale: 'TWO', candidates: 2 });
    expect(sizes(events)).toEqual(new Set([`${LARGE}x${LARGE}`]));
    const shown = events.flatMap(event => (event.type === 'FramesDecoded' && event.final && event.candidate === 0 ? event.frames.map(({ index }) => index) : []));
    expect(shown).toEqual(Array.from({ length: asset.frameCount ?? 0 }, (_, index) => index));
    expect(job.input).toMatchObject({ upscale: 'TWO' });
  });

  it('enlarges pictures', async () => {
    const { asset } = await make({ task: 'TEXT_TO_IMAGE', upscale: 'TWO' });
    expect(asset).toMatchObject({ kind: 'IMAGE', width: LARGE, height: LARGE });
    const { asset: clip } = await make({ task: 'IMAGE_TO_VIDEO', image: asset.id, upscale: 'TWO' });
    expect([clip.width, clip.frameCount]).toEqual([LARGE, 17]);
    expect((await codesOf(clip)).slice(0, 16)).toEqual(await codesOf(asset));
  });

  it('an enlarged clip is a source like any other: it goes on by its codes', async () => {
    const [plain, enlarged] = [await make({ task: 'EXTEND_VIDEO', video: large.id, extraMs: 1_000 }), await make({ task: 'EXTEND_VIDEO', video: large.id, extraMs: 1_000, upscale: 'TWO' })];
    expect([plain.asset.width, enlarged.asset.width, enlarged.asset.frameCount]).toEqual([SMALL, LARGE, 25]);
    expect((await codesOf(plain.asset)).slice(0, 80)).toEqual(await codesOf(large));
    expect(await codesOf(enlarged.asset)).toEqual(await codesOf(plain.asset));
    const [before, after] = [await framesOf(large, LARGE), await framesOf(enlarged.asset, LARGE)];
    expect(distance(frame(before, 5), frame(after, 5)), 'what there was is as it was').toBeLessThan(distance(frame(before, 5), frame(after, 0)));
    const edited = await make({ task: 'EDIT_VIDEO', video: large.id, fromFrame: 5, upscale: 'TWO' });
    expect([edited.asset.width, (await codesOf(edited.asset)).slice(0, 32)]).toEqual([LARGE, (await codesOf(large)).slice(0, 32)]);
  });

  it.each([['of an enlarged clip', () => large], ['of a small clip', () => small]])('inpaints a half %s, the other is the enlarged source', async (_, source) => {
    const { asset } = await make({ task: 'INPAINT_VIDEO', video: source().id, mask: { rectangle: { x: 0, y: 0, width: 0.5, height: 1 } }, upscale: 'TWO', seed: 8 });
    expect([asset.width, asset.height, asset.frameCount]).toEqual([LARGE, LARGE, 17]);
    const [before, after] = [await framesOf(large, LARGE), await framesOf(asset, LARGE)];
    const [made, kept] = [distance(frame(before, 8), frame(after, 8), x => x < 0.48), distance(frame(before, 8), frame(after, 8), x => x > 0.52)];
    expect(made).toBeGreaterThan(3 * kept);
    // Composed again, from the file: its frames are no longer those of its codes.
    const again = await make({ task: 'INPAINT_VIDEO', video: asset.id, mask: { rectangle: { x: 0, y: 0, width: 0.5, height: 1 } }, upscale: 'TWO', seed: 9 });
    expect(distance(frame(after, 8), frame(await framesOf(again.asset, LARGE), 8), x => x > 0.52)).toBeLessThan(made / 3);
  });

  it('outpaints, the clip in the middle at twice its pixels', async () => {
    const { asset } = await make({ task: 'OUTPAINT_VIDEO', video: large.id, padding: { left: 0.5, right: 0.5, top: 0.5, bottom: 0.5 }, upscale: 'TWO' });
    expect([asset.width, asset.height]).toEqual([LARGE, LARGE]);
    const [inner, outer] = [frame(await framesOf(large, SMALL), 8), frame(await framesOf(asset, LARGE), 8)];
    const cut: RawFrame = { width: SMALL, height: SMALL, rgb: outer.rgb.filter((_, i) => [Math.floor(i / 3) % LARGE, Math.floor(i / 3 / LARGE)].every(at => at >= LARGE / 4 && at < (3 * LARGE) / 4)) };
    expect(distance(inner, cut)).toBeLessThan(distance(frame(await framesOf(large, SMALL), 0), cut));
  });

  it('gives a clip another look', async () => {
    expect((await make({ task: 'STYLIZE_VIDEO', video: large.id, style: 'PIXEL', upscale: 'TWO' })).asset).toMatchObject({ width: LARGE, frameCount: 17 });
  });

  it('films and clips for a sound', async () => {
    const { job, asset: film } = await make({ task: 'FILM', upscale: 'TWO', shots: [{ prompt: PROMPT }, { prompt: PROMPT, continuePrevious: true }, { prompt: PROMPT, asset: small.id }] });
    const stored = await stack.database.prisma.asset.findMany({ where: { jobId: job.id }, orderBy: { shot: 'asc' } });
    expect(stored.map(({ shot, width, height }) => [shot, width, height])).toEqual([[0, LARGE, LARGE], [1, LARGE, LARGE], [null, LARGE, LARGE]]);
    const taken = frame(await framesOf(film, LARGE), (film.frameCount ?? 0) - 9);
    expect(distance(taken, frame(await framesOf(large, LARGE), 8)), 'a shot that is a small clip is enlarged').toBeLessThan(distance(taken, frame(await framesOf(large, LARGE), 0)));
    const { asset: sound } = await make({ task: 'TEXT_TO_AUDIO' });
    expect((await make({ task: 'AUDIO_TO_VIDEO', audio: sound.id, upscale: 'TWO' })).asset).toMatchObject({ width: LARGE, hasAudio: true });
  });
});
