/** Runs every example of docs/API.md on the real server, and holds them against the schema: none is missing. */
import { isObjectType, parse, validate, visit } from 'graphql';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import { openDataStack, type DataStack } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { fillLibrary } from '../support/library.ts';
import { mp4, png, wav } from '../support/media-files.ts';
import { startStackServer } from '../support/stack-server.ts';

const schema = loadSchema();
const text = await readFile(resolve(import.meta.dirname, '../../docs/API.md'), 'utf8');
const examples = [...text.matchAll(/```graphql\n(.*?)```/gs)].map(([, query = '']) => [/^\w+ (\w+)/.exec(query)?.[1] ?? '', query] as const);
/** Tasks that the tests' model may not have yet. */
const OF_SOUND = /^(?:TextToAudio|VideoToAudio|AudioToVideo|VideoToText|AudioToText)$/;

let inference: InferenceClient;
let stack: DataStack;
let server: RunningServer;
let variables: Record<string, string>;
beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference });
  server = await startStackServer(stack);
  const { jobs: [finished = ''], assets: [video = ''] } = await fillLibrary(stack.database, LOCAL_CALLER.ownerId, 1);
  const ask = async (query: string) => (await graphql(server.url, query)).data;
  const make = async () => (await ask('mutation { made: textToVideo(input: { prompt: "a red ball" }) { job { id } } }')).made.job.id as string;
  const canceled = await make();
  await ask(`mutation { cancelJob(input: { jobId: "${canceled}" }) { job { id } } }`);
  const [key, hook] = await Promise.all([stack.database.prisma.apiKey.findFirstOrThrow(), stack.database.prisma.webhook.findFirstOrThrow()]);
  // The clip of the library gets real frames, the picture and the open upload real bytes, the film is one that was canceled.
  const [clip, picture] = [await mp4(17), await png()];
  await stack.database.prisma.asset.update({ where: { id: video }, data: { ...(await stack.database.blobs.put(clip)), width: 64, height: 48, frameCount: 17, durationMs: 2125 } });
  const client = createCinegraphClient({ url: server.url });
  const image = await client.upload(new Blob([new Uint8Array(picture)], { type: 'image/png' }), { filename: 'ball.png' });
  const sound = await client.upload(new Blob([new Uint8Array(wav())], { type: 'audio/wav' }), { filename: 'ball.wav' });
  const film = await client.createFilm({ shots: [{ prompt: 'a red ball' }, { prompt: 'a blue ball' }] });
  await film.cancel();
  client.close();
  const { id: upload, url: target } = (await ask(`mutation { made: createUpload(input: { filename: "a.png", contentType: "image/png", byteSize: ${picture.byteLength} }) { upload { id url } } }`)).made.upload as { readonly id: string; readonly url: string };
  const sent = await fetch(target, { method: 'PUT', headers: { 'content-range': `bytes 0-${picture.byteLength - 1}/${picture.byteLength}` }, body: new Uint8Array(picture) });
  if (!sent.ok) throw new Error(`the bytes were refused: ${sent.status}`);
  variables = {
    jobId: toGlobalId('Job', finished), filmId: film.id, queuedJobId: await make(), canceledJobId: canceled, uploadId: upload,
    videoId: toGlobalId('Asset', video), imageId: image.id, audioId: sound.id, apiKeyId: toGlobalId('ApiKey', key.id), webhookId: toGlobalId('Webhook', hook.id),
  };
});
afterAll(async () => {
  await server.close(1000);
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

it('there is one for each field of Query, Mutation and Subscription', () => {
  const shown = new Set<string>();
  for (const [, query] of examples) visit(parse(query), { OperationDefinition: (operation) => operation.selectionSet.selections.forEach((field) => 'name' in field && shown.add(field.name.value)) });
  const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) => (isObjectType(type) ? Object.keys(type.getFields()) : []));
  expect(fields.length).toBeGreaterThan(20);
  expect(fields.filter((name) => !shown.has(name))).toEqual([]);
});

it.each(examples)('%s', async (name, query) => {
  expect(validate(schema, parse(query))).toEqual([]);
  if (query.startsWith('subscription')) {
    const leave = new AbortController();
    const response = await fetch(`${server.url}/graphql/stream`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }), signal: leave.signal });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    leave.abort();
    return;
  }
  const { data, errors } = await graphql(server.url, query, variables);
  expect(errors).toBeUndefined();
  const refusals = Object.values(data as Record<string, { readonly userErrors?: readonly { readonly code: string }[] } | null>).flatMap((payload) => payload?.userErrors ?? []);
  expect(refusals.filter(({ code }) => !(OF_SOUND.test(name) && code === 'TASK_NOT_SUPPORTED'))).toEqual([]);
});
