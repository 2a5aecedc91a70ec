/** Every mutation, every field of its input, over the real server and a real database: what is wrong is named by its field, and nothing is written. */
import { randomUUID } from 'node:crypto';
import { getNamedType, type GraphQLField, type GraphQLInputObjectType, type GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/errors.ts';
import { createInferenceClient, type ForkedInferenceClient } from '../../src/inference/index.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { collectEvents, openDataStack, type DataStack } from '../support/data-stack.ts';
import { graphql, TEST_SERVER_CONFIG, type GraphqlAnswer } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { LOCAL } from '../support/local-viewer.ts';
import { startStackServer } from '../support/stack-server.ts';

const schema = loadSchema();
const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});

type Input = Readonly<Record<string, unknown>>;
interface Ids {
  readonly image: string;
  readonly video: string;
  readonly audio: string;
  readonly text: string;
  readonly mask: string;
  readonly job: string;
  readonly film: string;
  readonly webhook: string;
}

const LONG = 'x'.repeat(100_000);
const NUL = 'a\0b';
/** Half a character: JSON can say it, Postgres cannot. */
const HALF = 'a\ud800b';
const TEXTS = ['', LONG, NUL, HALF];
const MANY = Array.from({ length: 1000 }, () => ({ prompt: 'a fox' }));
/** Never an id of ours, of another type, of nothing. */
const ids = (type: 'Job' | 'Asset' | 'Webhook' | 'Upload' | 'ApiKey', { job, image }: Ids): string[] => ['', 'nonsense', LONG, HALF, type === 'Job' ? image : job, toGlobalId(type, randomUUID())];

/** What each mutation takes. `generate` takes what the others do. */
const GOOD: Readonly<Record<string, (ids: Ids) => Input>> = {
  textToImage: () => ({ prompt: 'a fox' }),
  textToVideo: () => ({ prompt: 'a fox' }),
  imageToVideo: ({ image }) => ({ image, prompt: 'a fox' }),
  extendVideo: ({ video }) => ({ video, prompt: 'a fox' }),
  inpaintVideo: ({ video }) => ({ video, prompt: 'a fox', mask: { rectangle: { x: 0, y: 0, width: 0.5, height: 0.5 } } }),
  outpaintVideo: ({ video }) => ({ video, prompt: 'a fox', padding: { left: 0.5 } }),
  stylizeVideo: ({ video }) => ({ video, prompt: 'as a pencil sketch' }),
  editVideo: ({ video }) => ({ video, fromFrame: 5, prompt: 'a fox' }),
  videoToAudio: ({ video }) => ({ video, prompt: 'a fox' }),
  textToAudio: () => ({ prompt: 'a fox' }),
  audioToVideo: ({ audio }) => ({ audio, prompt: 'a fox' }),
  videoToText: ({ video }) => ({ video }),
  audioToText: ({ audio }) => ({ audio }),
  createFilm: () => ({ shots: [{ prompt: 'a fox' }] }),
  retryShot: ({ film }) => ({ jobId: film, shot: 0 }),
  chooseCandidate: ({ video }) => ({ asset: video, prompt: 'a fox' }),
  cancelJob: ({ job }) => ({ jobId: job }),
  retryJob: ({ job }) => ({ jobId: job }),
  createApiKey: () => ({ name: 'a key' }),
  revokeApiKey: () => ({ apiKeyId: toGlobalId('ApiKey', randomUUID()) }),
  updateAsset: ({ video }) => ({ assetId: video }),
  deleteAsset: ({ video }) => ({ assetId: video }),
  restoreAsset: ({ video }) => ({ assetId: video }),
  createUpload: () => ({ filename: 'a.png', contentType: 'image/png', byteSize: 10 }),
  finalizeUpload: () => ({ uploadId: toGlobalId('Upload', randomUUID()) }),
  createWebhook: () => ({ url: 'https://example.org/hook', events: ['JOB_FAILED'] }),
  updateWebhook: ({ webhook }) => ({ webhookId: webhook }),
  deleteWebhook: ({ webhook }) => ({ webhookId: webhook }),
  testWebhook: ({ webhook }) => ({ webhookId: webhook }),
};

/** What is wrong for each field, by its name; `mutation.field` where one differs. */
const BAD: Readonly<Record<string, (ids: Ids) => readonly unknown[]>> = {
  prompt: () => ['', ' \n', LONG, NUL, HALF, 7],
  'extendVideo.prompt': () => [LONG, NUL, HALF],
  'chooseCandidate.prompt': () => [LONG, NUL, HALF],
  'stylizeVideo.prompt': () => [LONG, NUL, HALF],
  'videoToAudio.prompt': () => [LONG, NUL, HALF],
  'audioToVideo.prompt': () => [LONG, NUL, HALF],
  camera: () => [LONG, NUL, HALF],
  style: () => [LONG, NUL, HALF],
  seed: () => [-1, 1.5, 2 ** 31, 'seven'],
  candidates: () => [0, 5, -1, 1.5],
  sampling: () => [{ temperature: -1 }, { temperature: 2.5 }, { topK: -1 }, { topP: 0 }, { topP: 1.5 }, { guidance: 0 }, { guidance: 21 }, { unknown: 1 }],
  idempotencyKey: () => TEXTS,
  model: () => ['', 'another', LONG, HALF],
  title: () => TEXTS,
  tags: () => [[''], [LONG], [NUL], [HALF], Array.from({ length: 21 }, (_, index) => `tag ${index}`)],
  deadlineMs: () => [0, -1, 3_600_001],
  durationMs: () => [0, -1, 100_000_000],
  extraMs: () => [0, -1, 100_000_000],
  fromFrame: () => [-1, 100_000],
  upscale: () => ['THREE'],
  withAudio: () => ['yes'],
  muxed: () => ['yes'],
  continuePrevious: () => ['yes'],
  image: (all) => [...ids('Asset', all), all.video, all.text],
  video: (all) => [...ids('Asset', all), all.image, all.text],
  audio: (all) => [...ids('Asset', all), all.image, all.text],
  asset: (all) => [...ids('Asset', all), all.image],
  assetId: (all) => ids('Asset', all),
  jobId: (all) => ids('Job', all),
  webhookId: (all) => ids('Webhook', all),
  uploadId: (all) => ids('Upload', all),
  apiKeyId: (all) => ids('ApiKey', all),
  mask: ({ text, video }) => [
    {}, { asset: 'nonsense' }, { asset: text }, { asset: video }, { rectangle: { x: 0.8, y: 0, width: 0.5, height: 0.5 } }, { rectangle: { x: -0.1, y: 0, width: 0.5, height: 0.5 } },
    { rectangle: { x: 0, y: 0, width: 0, height: 0.5 } }, { rectangle: { x: 0, y: 0, width: 1, height: 1e300 } },
  ],
  padding: () => [{}, { left: -0.1 }, { right: 100 }, { top: 1e300 }],
  story: () => ['', ' ', LONG, NUL, HALF, 'A fox. '.repeat(25)],
  shots: ({ image }) => [
    [], MANY, [{ prompt: '' }], [{ prompt: LONG }], [{ prompt: HALF }], [{ prompt: 'a fox', seed: -1 }], [{ prompt: 'a fox', durationMs: 1 }], [{ prompt: 'a fox', asset: image }], [{ prompt: 'a fox', asset: 'nonsense' }],
    Array.from({ length: 24 }, () => ({ prompt: 'a fox', durationMs: 60_000 })),
  ],
  shot: () => [-1, 1, 2 ** 31, 0.5],
  name: () => TEXTS,
  ownerId: () => TEXTS,
  role: () => ['KING'],
  scopes: () => [[], ['FLY']],
  expiresAt: () => ['yesterday', '2001-01-01T00:00:00Z'],
  filename: () => [...TEXTS, '/', 'a\u0007b'],
  contentType: () => ['', LONG, NUL, 'application/x-msdownload'],
  byteSize: () => [0, -1, 2 ** 31 - 1, 2 ** 31],
  kind: () => ['VIDEO', 'TEXT', 'SMELL'],
  sha256: () => ['', 'nonsense', LONG],
  timeToLiveSeconds: () => [0, -1, 2 ** 31 - 1],
  url: () => ['', 'nonsense', LONG, 'ftp://example.org', 'https://user:secret@example.org', 'http://127.0.0.1/', 'https://example.org/#a'],
  events: () => [[], ['JOB_EXPLODED']],
  enabled: () => ['yes'],
};

describe('what is wrong with an input', () => {
  let inference: ForkedInferenceClient;
  let stack: DataStack;
  let server: RunningServer;
  let all: Ids;

  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
    server = await startStackServer(stack, { limits: { ...TEST_SERVER_CONFIG.limits, bodyBytes: 1_000_000 } });
    all = await library(stack);
  });
  afterAll(async () => {
    await server?.close(1000);
    await stack?.[Symbol.asyncDispose]();
    await inference?.close();
  });

  const send = ({ name, args, type }: GraphQLField<unknown, unknown>, input: unknown): Promise<GraphqlAnswer> => {
    const payload = String(getNamedType(type));
    return graphql(server.url, `mutation($input: ${String(args[0]?.type)}) { ${name}(input: $input) { ... on ${payload} { userErrors { code message field } } } }`, { input });
  };
  /** Everything that a mutation could leave behind. */
  const state = async (): Promise<unknown> =>
    (await stack.database.pool.query(`SELECT (SELECT json_agg(json_build_array(id, status, cancel_requested_at) ORDER BY id) FROM job) AS jobs, (SELECT count(*) FROM job_event) AS events,
      (SELECT json_agg(json_build_array(id, title, tags, chosen, deleted_at, expires_at) ORDER BY id) FROM asset) AS assets, (SELECT count(*) FROM upload) AS uploads, (SELECT count(*) FROM api_key) AS keys,
      (SELECT json_agg(json_build_array(id, url, events, enabled) ORDER BY id) FROM webhook) AS webhooks, (SELECT count(*) FROM webhook_delivery) AS deliveries, (SELECT count(*) FROM pgboss.job) AS messages`)).rows[0];

  it.each(mutations.map(({ name }) => name).filter((name) => name !== 'generate'))('is said by %s, field by field', async (name) => {
    const mutation = mutations.find((each) => each.name === name) as GraphQLField<unknown, unknown>;
    const good = GOOD[name]?.(all);
    if (good === undefined) throw new Error(`no good input for ${name}: add one`);
    const before = await state();
    const wrong: string[] = [];
    for (const field of Object.values(inputOf(mutation).getFields())) {
      const values = (BAD[`${name}.${field.name}`] ?? BAD[field.name])?.(all);
      if (values === undefined) throw new Error(`nothing wrong for ${name}.${field.name}: add something`);
      for (const value of values) {
        const without = name === 'createFilm' && field.name === 'story' ? {} : good;
        const answer = await send(mutation, { ...without, [field.name]: value });
        const fault = faultOf(answer, name, field.name);
        if (fault !== undefined) wrong.push(`${name}(${field.name}: ${JSON.stringify(value)?.slice(0, 80)}): ${fault}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(await state()).toEqual(before);
  }, 600_000);

  it('is said of the field below the branch by generate', async () => {
    const generate = mutations.find(({ name }) => name === 'generate') as GraphQLField<unknown, unknown>;
    for (const branch of Object.keys(inputOf(generate).getFields())) {
      const { data } = await send(generate, { [branch]: { ...GOOD[branch]?.(all), title: '' } });
      expect(data.generate.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', branch, 'title'] }]);
    }
    for (const input of [{}, { textToImage: { prompt: 'a' }, textToVideo: { prompt: 'a' } }]) expect((await send(generate, input)).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });

  it('is said of a filter', async () => {
    for (const filter of [{ search: HALF }, { prompt: HALF }, { tags: [HALF] }, { tags: [NUL] }]) {
      const { errors } = await graphql(server.url, 'query($filter: AssetFilter) { assets(first: 1, filter: $filter) { totalCount } }', { filter });
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: ['filter', Object.keys(filter)[0]] });
    }
  });

  it('is said of a body of ten megabytes', async () => {
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ __typename }', variables: { a: 'x'.repeat(10_000_000) } }) });
    expect([response.status, await response.json()]).toMatchObject([413, { errors: [{ extensions: { code: 'BAD_REQUEST' } }] }]);
  });

  it('is a warning where words say nothing to the model', async () => {
    const warningsOf = async (style: string): Promise<string> => {
      const { data } = await graphql(server.url, 'mutation($style: String) { textToImage(input: { prompt: "a fox", style: $style }) { job { id } } }', { style });
      const { id } = data.textToImage.job;
      const { data: { node } } = await untilEnded(id);
      expect(node.status).toBe('SUCCEEDED');
      return node.warnings.filter(({ code }: { code: string }) => code === 'WORDS_UNKNOWN').map(({ message }: { message: string }) => message).join();
    };
    const untilEnded = async (id: string): Promise<GraphqlAnswer> => {
      await collectEvents(stack.services, (await stack.database.pool.query<{ id: string }>('SELECT id FROM job ORDER BY created_at DESC LIMIT 1')).rows[0]?.id ?? '', 0, LOCAL);
      return graphql(server.url, 'query($id: ID!) { node(id: $id) { ... on Job { status warnings { code message } } } }', { id });
    };
    await stack.startRunner();
    expect(await warningsOf('as an aquarelle')).toContain('"aquarelle"');
    expect(await warningsOf('NATURAL')).toBe('');
  });
});

function inputOf({ args: [input] }: GraphQLField<unknown, unknown>): GraphQLInputObjectType {
  return getNamedType(input?.type as GraphQLInputType) as GraphQLInputObjectType;
}

function faultOf({ data, errors }: GraphqlAnswer, name: string, field: string): string | undefined {
  if (errors !== undefined) {
    // Faults of the type are the parser's; it names the place in its message.
    const [error] = errors;
    return error?.extensions['code'] === 'BAD_USER_INPUT' && error.message.includes(field) ? undefined : JSON.stringify(errors).slice(0, 300);
  }
  const [error] = data[name].userErrors as readonly { readonly code: string; readonly message: string; readonly field: readonly string[] | null }[];
  if (error === undefined) return 'it was taken';
  if (!(error.code in ERRORS) || error.code === 'INTERNAL' || error.message.length < 10 || error.message.length > 1000) return JSON.stringify(error).slice(0, 300);
  return error.field?.[0] === 'input' && error.field[1] === field ? undefined : `${error.code} at ${JSON.stringify(error.field)}: ${error.message}`;
}

/** A clip, which is a candidate, an image, a mask, a sound, a text, a job that ended, a film that ended, a webhook. */
async function library({ database: { prisma, blobs } }: DataStack): Promise<Ids> {
  const { ownerId } = LOCAL;
  const { sha256, byteSize } = await blobs.put(Buffer.from('bytes'));
  const [job, film, webhook] = [randomUUID(), randomUUID(), randomUUID()];
  const common = { ownerId, inputDigest: 'none', seed: 1, candidates: 1, sampling: { temperature: 1, topK: 0, topP: 1, guidance: 1, deterministic: true }, modelName: 'tiny', modelDigest: '0'.repeat(64), lastSeq: 1, startedAt: new Date(), finishedAt: new Date(), status: 'SUCCEEDED' as const };
  const shots = [{ prompt: 'a fox', camera: null, style: null, durationMs: 1125, continuePrevious: false, seed: null, asset: null }];
  await prisma.job.createMany({ data: [{ ...common, id: job, task: 'TEXT_TO_VIDEO', input: { prompt: 'a fox' } }, { ...common, id: film, task: 'FILM', input: { task: 'FILM', shots } }] });
  const asset = async (kind: 'IMAGE' | 'VIDEO' | 'AUDIO' | 'TEXT' | 'MASK', more: object = {}): Promise<string> => {
    const id = randomUUID();
    await prisma.asset.create({ data: { id, ownerId, kind, origin: 'UPLOADED', contentType: 'application/octet-stream', byteSize, sha256, ...more } });
    return toGlobalId('Asset', id);
  };
  await prisma.webhook.create({ data: { id: webhook, ownerId, url: 'https://example.org', events: ['job.failed'], secret: 'whsec_none' } });
  return {
    video: await asset('VIDEO', { jobId: job, candidate: 0, width: 16, height: 16, fps: 8, frameCount: 9, durationMs: 1125, origin: 'GENERATED' }),
    image: await asset('IMAGE', { width: 16, height: 16 }), mask: await asset('MASK', { width: 16, height: 16 }), audio: await asset('AUDIO', { durationMs: 1000, sampleRateHz: 16_000, channels: 1 }), text: await asset('TEXT', { text: 'a fox' }),
    job: toGlobalId('Job', job), film: toGlobalId('Job', film), webhook: toGlobalId('Webhook', webhook),
  };
}
