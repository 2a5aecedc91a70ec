/** Runs every example of docs/API.md on the real server, and holds them against the schema: none is missing. */
import { isObjectType, parse, validate, visit } from 'graphql';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
import { startStackServer } from '../support/stack-server.ts';

const schema = loadSchema();
const text = await readFile(resolve(import.meta.dirname, '../../docs/API.md'), 'utf8');
const examples = [...text.matchAll(/```graphql\n(.*?)```/gs)].map(([, query = '']) => [/^\w+ (\w+)/.exec(query)?.[1] ?? '', query] as const);
/** Refused in this test for want of real media, a film or the bytes of an upload; the code says that the example itself was understood. */
const REFUSED = /^(?:ImageToVideo|ExtendVideo|EditVideo|InpaintVideo|OutpaintVideo|VideoToAudio|AudioToVideo|VideoToText|AudioToText|TextToAudio|CreateFilm|RetryShot|FinalizeUpload)$/;

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
  const upload = (await ask('mutation { made: createUpload(input: { filename: "a.png", contentType: "image/png", byteSize: 9 }) { uploadId } }')).made.uploadId as string;
  variables = {
    jobId: toGlobalId('Job', finished), filmId: toGlobalId('Job', finished), queuedJobId: await make(), canceledJobId: canceled, uploadId: upload,
    videoId: toGlobalId('Asset', video), imageId: toGlobalId('Asset', video), audioId: toGlobalId('Asset', video), apiKeyId: toGlobalId('ApiKey', key.id), webhookId: toGlobalId('Webhook', hook.id),
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
  if (REFUSED.test(name)) expect(refusals.map(({ code }) => code)).not.toContain('INTERNAL');
  else expect(refusals).toEqual([]);
});
