import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCinegraphClient, type CinegraphClient, type Job } from '../../src/client/index.ts';
import { graphql } from '../support/graphql-client.ts';
import { mp4 } from '../support/media-files.ts';
import { startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
let client: CinegraphClient;
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await startProgram({ DATA_DIR: folder.path });
  client = createCinegraphClient({ url: program.url });
});
afterAll(async () => {
  await program?.stop();
  await folder?.remove();
});

const PROMPT = 'a fox bounces on a red background';

interface Payload {
  readonly job: { readonly id: string } | null;
  readonly asset?: { readonly id: string; readonly chosen: boolean } | null;
  readonly userErrors: readonly { readonly code: string; readonly field: readonly string[] | null }[];
}

/** One mutation of its own name, as any client would send it. */
async function mutate(name: string, type: string, input: Record<string, unknown>, select = 'job { id } userErrors { code field message }'): Promise<Payload> {
  const { data, errors } = (await graphql(program.url, `mutation Run($input: ${type}!) { payload: ${name}(input: $input) { ${select} } }`, { input })) as { data?: { payload: Payload }; errors?: unknown };
  if (data === undefined) throw new Error(JSON.stringify(errors));
  return data.payload;
}

/** Runs a task to its end; the id of its first output. */
async function make(name: string, type: string, input: Record<string, unknown>): Promise<{ readonly job: Job; readonly id: string }> {
  const { job, userErrors } = await mutate(name, type, input);
  expect(userErrors).toEqual([]);
  return ended(job?.id ?? '');
}

async function ended(jobId: string): Promise<{ readonly job: Job; readonly id: string }> {
  let last: Job | undefined;
  for await (const event of client.watchJob(jobId)) if (event.__typename === 'JobFinished') last = event.job;
  if (last === undefined) throw new Error('no end');
  expect([last.status, last.error]).toEqual(['SUCCEEDED', null]);
  return { job: last, id: last.outputs[0]?.id ?? '' };
}

/** The chain of first parents, oldest last. */
async function lineage(id: string): Promise<string[]> {
  const { data } = (await graphql(program.url, 'query Parents($id: ID!) { node(id: $id) { ... on VideoAsset { parents(first: 5) { nodes { id } } } } }', { id })) as { data: { node: { parents?: { nodes: { id: string }[] } } } };
  const parent = data.node.parents?.nodes[0]?.id;
  return parent === undefined ? [] : [parent, ...(await lineage(parent))];
}

it('an uploaded picture comes alive, is edited, chosen, extended, inpainted, outpainted and stylized; the lineage shows the way', async () => {
  const bytes = await sharp({ create: { width: 320, height: 200, channels: 3, background: '#2266aa' } }).png().toBuffer();
  const picture = await client.upload(new File([Uint8Array.from(bytes)], 'sky.png', { type: 'image/png' }));
  const alive = await make('imageToVideo', 'ImageToVideoInput', { image: picture.id, prompt: PROMPT, camera: 'zoom in', seed: 1 });
  expect(alive.job.warnings.map(({ code }) => code)).toContain('INPUT_FITTED');
  expect(alive.job.input, 'with the id that was sent').toMatchObject({ image: picture.id });

  const edited = await make('editVideo', 'EditVideoInput', { video: alive.id, fromFrame: 5, prompt: PROMPT, candidates: 2, seed: 2 });
  const chosen = await mutate('chooseCandidate', 'ChooseCandidateInput', { asset: edited.job.outputs[1]?.id, extraMs: 1000 }, 'asset { id ... on VideoAsset { chosen } } job { id } userErrors { code field }');
  expect(chosen.asset).toEqual({ id: edited.job.outputs[1]?.id, chosen: true });
  const { outputs } = (await ended(chosen.job?.id ?? '')).job;
  expect(outputs).toMatchObject([{ frameCount: 25 }]);

  const inpainted = await make('inpaintVideo', 'InpaintVideoInput', { video: outputs[0]?.id, prompt: PROMPT, mask: { rectangle: { x: 0.25, y: 0.25, width: 0.5, height: 0.5 } } });
  const outpainted = await make('outpaintVideo', 'OutpaintVideoInput', { video: inpainted.id, prompt: PROMPT, padding: { top: 0.5, bottom: 0.5, left: 0.5, right: 0.5 } });
  const stylized = await make('stylizeVideo', 'StylizeVideoInput', { video: outpainted.id, prompt: 'SKETCH' });
  expect(stylized.job.input).toMatchObject({ prompt: PROMPT, style: 'SKETCH' });
  expect(await lineage(stylized.id)).toEqual([outpainted.id, inpainted.id, outputs[0]?.id, edited.job.outputs[1]?.id, alive.id, picture.id]);
});

it('a clip is enlarged, comes alive again at either size, and what asks for another size is refused', async () => {
  const { data } = (await graphql(program.url, '{ models { limits { width height upscaled { width height } } } }', {})) as { data: { models: { limits: { width: number; upscaled: { width: number; height: number } | null } }[] } };
  expect(data.models[0]?.limits).toMatchObject({ width: 32, upscaled: { width: 64, height: 64 } });
  const large = await make('textToVideo', 'TextToVideoInput', { prompt: PROMPT, upscale: 'TWO', seed: 1 });
  const longer = await make('extendVideo', 'ExtendVideoInput', { video: large.id, extraMs: 1000, upscale: 'TWO' });
  const small = await make('editVideo', 'EditVideoInput', { video: longer.id, fromFrame: 5, prompt: PROMPT, upscale: 'NONE' });
  expect([large, longer, small].map(({ job }) => job.outputs[0])).toMatchObject([{ width: 64, height: 64 }, { width: 64, height: 64, frameCount: 25 }, { width: 32, height: 32 }]);
  expect(large.job.input).toMatchObject({ upscale: 'TWO' });
  const file = await client.download(large.job.outputs[0] as { url: string });
  expect(file.byteLength).toBeGreaterThan(1000);
  const wrong = await graphql(program.url, 'mutation { textToVideo(input: { prompt: "a fox", upscale: THREE }) { job { id } } }', {});
  expect(wrong.errors?.[0]?.message).toContain('Upscale');
});

it('an uploaded clip takes another look; without a word for it, it is refused', async () => {
  const clip = await client.upload(new File([Uint8Array.from(await mp4(17))], 'clip.mp4', { type: 'video/mp4' }));
  const stylized = await make('stylizeVideo', 'StylizeVideoInput', { video: clip.id, prompt: 'in pixel art style', seed: 4 });
  expect(stylized.job).toMatchObject({ task: 'STYLIZE_VIDEO', input: { video: clip.id, prompt: 'in pixel art style' }, outputs: [{ __typename: 'VideoAsset', frameCount: 17 }] });
  // The tiny model's description is no sentence: it may be too long, of words that it never met.
  expect(stylized.job.warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['INPUT_FITTED', 'SOURCE_DESCRIBED']));
  expect(await lineage(stylized.id)).toEqual([clip.id]);
  expect((await mutate('stylizeVideo', 'StylizeVideoInput', { video: clip.id, prompt: ' ' })).userErrors).toMatchObject([{ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] }]);
});

it('a film is made, its shots are assets, and one of them is made again', async () => {
  const { job, id } = await make('createFilm', 'CreateFilmInput', { story: 'A fox bounces. An octopus spins.', title: 'Two', continuePrevious: true });
  const shotsOf = async (film: string) => {
    const { data } = (await graphql(program.url, 'query Shots($id: ID!) { node(id: $id) { ... on Job { shots { index prompt continuePrevious asset { id ... on VideoAsset { shot title } } } outputs { id } } } }', { id: film })) as {
      data: { node: { shots: { asset: { id: string; shot: number } | null }[]; outputs: { id: string }[] } };
    };
    return data.node;
  };
  const first = await shotsOf(job.id);
  expect(first.shots).toMatchObject([
    { index: 0, prompt: 'A fox bounces', continuePrevious: true, asset: { shot: 0, title: 'Two' } },
    { index: 1, prompt: 'An octopus spins', continuePrevious: true, asset: { shot: 1 } },
  ]);
  expect(first.outputs).toEqual([{ id }]);
  const again = await make('retryShot', 'RetryShotInput', { jobId: job.id, shot: 1, prompt: 'A fox spins' });
  const second = await shotsOf(again.job.id);
  expect(second.shots[0]?.asset?.id).toBe(first.shots[0]?.asset?.id);
  expect(second.shots[1]?.asset?.id).not.toBe(first.shots[1]?.asset?.id);
});

it('faults come as user errors with the path of the field', async () => {
  const { id } = await make('textToImage', 'TextToImageInput', { prompt: PROMPT });
  expect((await mutate('extendVideo', 'ExtendVideoInput', { video: id })).userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'video'] }]);
  expect((await mutate('stylizeVideo', 'StylizeVideoInput', { video: id, prompt: 'PIXEL' })).userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'video'] }]);
  expect((await mutate('stylizeVideo', 'StylizeVideoInput', { video: 'nonsense', prompt: 'PIXEL' })).userErrors).toMatchObject([{ code: 'INVALID_ID', field: ['input', 'video'] }]);
  expect((await mutate('imageToVideo', 'ImageToVideoInput', { image: 'nonsense', prompt: PROMPT })).userErrors).toMatchObject([{ code: 'INVALID_ID', field: ['input', 'image'] }]);
  expect((await mutate('createFilm', 'CreateFilmInput', { shots: [{ prompt: '' }] })).userErrors).toMatchObject([{ code: 'PROMPT_EMPTY', field: ['input', 'shots', '0', 'prompt'] }]);
  expect((await mutate('generate', 'GenerateInput', { extendVideo: { video: id, prompt: PROMPT } })).userErrors).toMatchObject([{ field: ['input', 'extendVideo', 'video'] }]);
});
