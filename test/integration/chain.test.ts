/** Any output is an input of the tasks that take its kind: one walk over GraphQL, from a word to a clip with sound and to a sentence about it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { createCinegraphClient, type Asset, type CinegraphClient, type GenerateInput } from '../../src/client/index.ts';
import { openDataStack, type DataStack } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { startStackServer } from '../support/stack-server.ts';

let inference: InferenceClient;
let stack: DataStack;
let server: RunningServer;
let client: CinegraphClient;
beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference });
  await stack.startRunner();
  server = await startStackServer(stack);
  client = createCinegraphClient({ url: server.url });
});
afterAll(async () => {
  client.close();
  await server.close(1000);
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

async function make(input: GenerateInput): Promise<Asset> {
  const job = await client.generate(input);
  const { outputs: [asset] } = await job.result({ giveUpAfterMs: 240_000 });
  if (asset === undefined) throw new Error('nothing was made');
  return asset;
}

it('from a picture to a clip, drawn another way, wider, longer, with sound, in words; every step is a child of the one before', async () => {
  const prompt = 'a fox bounces on a red background';
  const picture = await make({ textToImage: { prompt, seed: 1 } });
  const clip = await make({ imageToVideo: { image: picture.id, prompt, seed: 2 } });
  const styled = await make({ stylizeVideo: { video: clip.id, prompt: 'as a pencil sketch', seed: 9 } });
  const wide = await make({ outpaintVideo: { video: styled.id, prompt, padding: { left: 0.5, right: 0.5, top: 0.5, bottom: 0.5 }, seed: 3 } });
  const long = await make({ extendVideo: { video: wide.id, extraMs: 1000, seed: 4 } });
  const loud = await make({ videoToAudio: { video: long.id, muxed: true, seed: 5 } });
  const sound = await make({ videoToAudio: { video: long.id, seed: 5 } });
  const seen = await make({ videoToText: { video: loud.id, seed: 6 } });
  const told = await make({ audioToText: { audio: loud.id, seed: 7 } });
  const drawn = await make({ audioToVideo: { audio: sound.id, seed: 8 } });
  expect([picture, clip, styled, wide, long, loud, sound, seen, told, drawn].map(({ __typename }) => __typename)).toEqual(
    ['ImageAsset', 'VideoAsset', 'VideoAsset', 'VideoAsset', 'VideoAsset', 'VideoAsset', 'AudioAsset', 'TextAsset', 'TextAsset', 'VideoAsset']);
  expect([long, loud, sound]).toEqual([
    expect.objectContaining({ durationMs: 3125, hasAudio: false }), expect.objectContaining({ durationMs: 3125, hasAudio: true }), expect.objectContaining({ durationMs: 3125 })]);
  expect(drawn).toMatchObject({ hasAudio: true });

  const parents = async (asset: Asset): Promise<string[]> => {
    const { data } = await graphql(server.url, 'query($id: ID!) { node(id: $id) { ... on Asset { parents(first: 5) { nodes { id } } } } }', { id: asset.id });
    return (data.node.parents.nodes as { readonly id: string }[]).map(({ id }) => id);
  };
  const steps: [Asset, Asset][] = [[clip, picture], [styled, clip], [wide, styled], [long, wide], [loud, long], [sound, long], [seen, loud], [told, loud], [drawn, sound]];
  for (const [made, from] of steps) expect(await parents(made)).toEqual([from.id]);
  const descendants = await client.assets({ filter: { descendantOf: picture.id } }).page();
  expect(new Set(descendants.nodes.map(({ id }) => id))).toEqual(new Set(steps.map(([made]) => made.id)));
}, 240_000);
