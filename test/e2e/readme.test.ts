/** Follows the README's examples to the letter, as a newcomer would. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_NAMES } from '../../src/client/generated/operations.ts';
import { createCinegraphClient, type CinegraphClient } from '../../src/client/index.ts';
import { graphql } from '../support/fake-server.ts';
import { wav } from '../support/media-files.ts';
import { ROOT, startProgram, temporaryFolder, type Program } from '../support/server.ts';
import { firstResult } from '../support/sse.ts';

const README = await readFile(resolve(ROOT, 'README.md'), 'utf8');
const blocks = (language: string): string[] => [...README.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, code = '']) => code);
const documents = blocks('graphql');
const mutations = documents.filter((document) => document.startsWith('mutation'));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
let client: CinegraphClient;
/** What the placeholders of the examples stand for. */
let ids: { readonly IMAGE_ID: string; readonly VIDEO_ID: string; readonly AUDIO_ID: string };
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await startProgram({ DATA_DIR: folder.path });
  client = createCinegraphClient({ url: program.url });
  const made = await Promise.all([client.textToImage({ prompt: 'a star' }), client.textToVideo({ prompt: 'a fox bounces on a red background' })]);
  const [image, clip] = await Promise.all(made.map(async (job) => (await job.result()).outputs[0]?.id ?? ''));
  const sound = await client.upload(new Blob([new Uint8Array(wav(2))], { type: 'audio/wav' }), { filename: 'sound.wav' });
  ids = { IMAGE_ID: image ?? '', VIDEO_ID: clip ?? '', AUDIO_ID: sound.id };
});
afterAll(async () => {
  client?.close();
  await program?.stop();
  await folder?.remove();
});

interface Payload {
  readonly job: { readonly id: string } | null;
  readonly userErrors: readonly unknown[];
}

it('there is one of each task', () => {
  const shown = [...mutations.join('').matchAll(/(\w+)\(input/g)].map(([, name]) => name);
  expect([...new Set(shown)].sort()).toEqual([...TASK_NAMES].sort());
});

it.each(mutations)('makes what it says: %s', async (document) => {
  const { data, errors } = await graphql(program.url, document.replaceAll(/[A-Z]+_ID/g, (name) => ids[name as keyof typeof ids]));
  expect(errors).toBeUndefined();
  for (const [name, { job, userErrors }] of Object.entries(data as Record<string, Payload>)) {
    expect({ name, userErrors }).toEqual({ name, userErrors: [] });
    const { outputs } = await (await client.attach(job?.id ?? '')).result();
    expect({ name, outputs: outputs.length }).not.toEqual({ name, outputs: 0 });
  }
});

it('watches a job to its end', async () => {
  const [document = ''] = documents.filter((each) => each.startsWith('subscription'));
  const { id } = await client.textToVideo({ prompt: 'a fox' });
  const { data, errors } = await firstResult(program.url, document, { jobId: id });
  expect(errors).toBeUndefined();
  const types = (data as { readonly jobEvents: { readonly __typename: string } }[]).map(({ jobEvents }) => jobEvents.__typename);
  expect(types).toEqual(expect.arrayContaining(['TokensGenerated', 'FramesDecoded', 'AssetReady']));
  expect(types.at(-1)).toBe('JobFinished');
});

it('runs the examples of curl', async () => {
  const [, example = ''] = /```sh\n(curl [^]*?)```/.exec(README) ?? [];
  const [make = '', watch = ''] = example.replaceAll('http://localhost:4000', program.url).split(/\n(?=curl )/);
  const run = async (command: string) => (await promisify(execFile)('sh', ['-c', command])).stdout;
  const { data } = JSON.parse(await run(make)) as { readonly data: { readonly textToVideo: Payload } };
  const events = await run(watch.replace('JOB_ID', data.textToVideo.job?.id ?? ''));
  expect(events).toMatch(/"index":16,"url"[^]*"outputs":\[\{"url":"http[^]*event: complete/);
});

it('runs the client\'s example', async () => {
  const [example = ''] = blocks('ts');
  const file = resolve(ROOT, 'hello.test-example.ts');
  await writeFile(file, example.replace('http://localhost:4000', program.url));
  try {
    // As the README says: with the Node that came with the packages.
    expect(README).toContain('`npx node hello.ts`');
    const { stdout } = await promisify(execFile)('npx', ['node', file], { cwd: ROOT });
    expect(stdout).toMatch(/JobStarted 2\n[^]*JobFinished \d+\nhttp\S+\.mp4\S*\n$/);
  } finally {
    await rm(file);
  }
});
