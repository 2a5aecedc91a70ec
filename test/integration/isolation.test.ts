/**
 * A second viewer cannot read, list, subscribe to, download, change or chain from the first one's things. Two tables: how an id can be handed
 * in, and which documents give ids out. Both are held against the schema: a field that neither of them knows fails the last test.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import type { GenerateInput } from '../../src/services/contract.ts';
import { filled, givesId, takesId, withTypenames } from '../support/coordinates.ts';
import { ADA, BOB, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { graphql, type GraphqlAnswer } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { png, wav } from '../support/media-files.ts';
import { firstResult } from '../support/sse.ts';
import { startStackServer } from '../support/stack-server.ts';

const schema = loadSchema();
let inference: InferenceClient;
let stack: DataStack;
let server: RunningServer;
let ada: World;
let bob: World;

/** What one viewer has. Ids are global ids. */
interface World {
  readonly ownerId: string;
  readonly secret: string;
  readonly apiKey: string;
  readonly spareKey: string;
  readonly image: string;
  readonly video: string;
  readonly sound: string;
  readonly finished: string;
  readonly canceled: string;
  /** Not run by anybody: there is no runner any more. */
  readonly waiting: string;
  /** Its bytes have arrived, it is not finalized. */
  readonly upload: string;
  readonly mask: string;
  readonly webhook: string;
}

const run = async (ownerId: string, input: Partial<GenerateInput>): Promise<string> => {
  const { id } = await stack.services.generation.generate({ ownerId }, { task: 'TEXT_TO_IMAGE', prompt: `what ${ownerId} thought of`, sampling: { guidance: 1 }, ...input });
  return id;
};

async function makeWorld(ownerId: string): Promise<Omit<Settled, 'waiting' | 'canceled'>> {
  const jobs = [await run(ownerId, {}), await run(ownerId, { task: 'TEXT_TO_VIDEO' }), await run(ownerId, {})];
  for (const job of jobs) await collectEvents(stack.services, job, 0, { ownerId });
  const [image = '', video = '', still = ''] = (await stack.services.assets.byJobIds({ ownerId }, jobs)).flatMap((assets) => assets.map(({ id }) => id));
  await stack.database.prisma.assetParent.createMany({ data: [{ parentId: image, childId: video }, { parentId: video, childId: still }] });
  const sound = await addSoundAndText(ownerId, jobs[0] ?? '', [still, image]);
  const { key, secret } = await stack.services.keys.create(LOCAL_CALLER, { name: `key of ${ownerId}`, ownerId, scopes: ['READ', 'WRITE', 'KEYS'] });
  const { key: spare } = await stack.services.keys.create(LOCAL_CALLER, { name: `spare key of ${ownerId}`, ownerId });
  return { ownerId, secret, apiKey: toGlobalId('ApiKey', key.id), spareKey: toGlobalId('ApiKey', spare.id), image: toGlobalId('Asset', image), video: toGlobalId('Asset', video), sound: toGlobalId('Asset', sound), finished: toGlobalId('Job', jobs[1] ?? '') };
}

/** A sound, and a text that came of it. Returns the sound's id. */
async function addSoundAndText(ownerId: string, jobId: string, [parentId, childId]: readonly [string, string]): Promise<string> {
  const [sound, text] = [randomUUID(), randomUUID()];
  for (const [index, [id, kind, bytes, more]] of ([[sound, 'AUDIO', wav(), { durationMs: 1000, sampleRateHz: 24_000, channels: 1 }], [text, 'TEXT', Buffer.from(`what ${ownerId} heard`), {}]] as const).entries()) {
    const { sha256, byteSize } = await stack.database.blobs.put(Buffer.concat([bytes, Buffer.from(id)]));
    const data = { id, ownerId, kind, origin: 'GENERATED', contentType: kind === 'AUDIO' ? 'audio/wav' : 'text/plain', byteSize, sha256, thumbnailSha256: sha256, jobId, candidate: index + 1, ...more } as const;
    await stack.database.prisma.asset.create({ data });
  }
  await stack.database.prisma.assetParent.createMany({ data: [{ parentId, childId: sound }, { parentId: sound, childId: text }, { parentId: text, childId }] });
  return sound;
}

type Settled = Omit<World, 'upload' | 'mask' | 'webhook'>;

async function addMask(ownerId: string): Promise<string> {
  const { sha256, byteSize } = await stack.database.blobs.put(Buffer.concat([await png(), Buffer.from(ownerId)]));
  const { id } = await stack.database.prisma.asset.create({ data: { id: randomUUID(), ownerId, kind: 'MASK', origin: 'UPLOADED', contentType: 'image/png', byteSize, sha256, thumbnailSha256: sha256, width: 64, height: 48 } });
  return toGlobalId('Asset', id);
}

/** A webhook with a message that nobody delivers. */
async function addWebhook(world: Settled): Promise<string> {
  const { data } = await ask(world, 'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: [JOB_SUCCEEDED] }) { webhook { id } userErrors { code message } } }', {});
  expect(data.createWebhook.userErrors).toEqual([]);
  const { id } = data.createWebhook.webhook as { id: string };
  await ask(world, 'mutation($id: ID!) { testWebhook(input: { webhookId: $id }) { delivery { id } userErrors { code } } }', { id });
  return id;
}

async function addUpload(world: Settled): Promise<World> {
  const { data } = await ask(world, `mutation($input: CreateUploadInput!) { createUpload(input: $input) { uploadId uploadUrl upload { id url } } }`, { input: { filename: `sound of ${world.ownerId}`, contentType: 'audio/wav', byteSize: wav().length } });
  expect((await fetch(data.createUpload.uploadUrl, { method: 'PUT', body: new Uint8Array(wav()) })).status).toBe(204);
  return { ...world, upload: data.createUpload.uploadId, mask: await addMask(world.ownerId), webhook: await addWebhook(world) };
}

async function addUnfinished(world: Omit<Settled, 'waiting' | 'canceled'>): Promise<Settled> {
  const canceled = await run(world.ownerId, {});
  await stack.services.jobs.cancel(world, canceled);
  return { ...world, canceled: toGlobalId('Job', canceled), waiting: toGlobalId('Job', await run(world.ownerId, {})) };
}

beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference, webhookAllowPrivate: true });
  const runner = await stack.startRunner();
  const worlds = [await makeWorld(ADA.ownerId), await makeWorld(BOB.ownerId)] as const;
  await runner.stop({ graceMs: 60_000 });
  const unfinished = [await addUnfinished(worlds[0]), await addUnfinished(worlds[1])] as const;
  server = await startStackServer(stack, { auth: { required: true, jwt: undefined } });
  [ada, bob] = [await addUpload(unfinished[0]), await addUpload(unfinished[1])];
});
afterAll(async () => {
  await server.close(1000);
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

/** Fields that held a value in an answer to the first viewer. */
const seen = new Set<string>();

async function ask(world: Pick<World, 'ownerId' | 'secret'>, query: string, variables: object): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> {
  const document = withTypenames(query);
  const answer = query.startsWith('subscription') ? await firstResult(server.url, document, variables, world.secret) : await graphql(server.url, document, { ...variables }, world.secret);
  if (world.ownerId === ADA.ownerId) for (const coordinate of filled(schema, document, answer.data)) seen.add(coordinate);
  return answer;
}

/** Everything by which a thing of this viewer could be recognised in an answer. */
async function traces({ ownerId }: Pick<World, 'ownerId'>): Promise<string[]> {
  const { rows } = await stack.database.pool.query<{ id: string; type: 'Job' | 'Asset' | 'ApiKey' | 'Upload' | 'Webhook'; mark: string | null }>(
    `SELECT id, 'Job' AS type, input ->> 'prompt' AS mark FROM job WHERE owner_id = $1
     UNION ALL SELECT id, 'Asset', sha256 FROM asset WHERE owner_id = $1 UNION ALL SELECT id, 'ApiKey', prefix FROM api_key WHERE owner_id = $1
     UNION ALL SELECT id, 'Upload', filename FROM upload WHERE owner_id = $1
     UNION ALL SELECT id, 'Webhook', NULL FROM webhook WHERE owner_id = $1`,
    [ownerId],
  );
  return rows.flatMap(({ id, type, mark }) => [id, toGlobalId(type, id), ...(mark === null || mark === '' ? [] : [mark])]);
}

const state = async ({ ownerId }: World): Promise<unknown> =>
  (await stack.database.pool.query('SELECT id::text, status::text, last_seq FROM job WHERE owner_id = $1 UNION ALL SELECT id::text, revoked_at::text, 0 FROM api_key WHERE owner_id = $1 UNION ALL SELECT id::text, concat(title, deleted_at), 0 FROM asset WHERE owner_id = $1 UNION ALL SELECT id::text, asset_id::text, 0 FROM upload WHERE owner_id = $1 ORDER BY 1', [ownerId])).rows;

interface Probe {
  readonly query: string;
  /** owner: whose id is handed in. asker: who does. */
  readonly variables: (owner: World, asker: World) => object;
  /** What the answer comes down to. */
  readonly outcome: (answer: Pick<GraphqlAnswer, 'data' | 'errors'>) => unknown;
  /** The outcome when the id is another viewer's: the same as when nothing had it. */
  readonly refused: unknown;
}

const userError = (name: string) => ({ data }: Pick<GraphqlAnswer, 'data'>): unknown => data[name].userErrors[0]?.code ?? null;
const errorCode = ({ errors }: Pick<GraphqlAnswer, 'errors'>): unknown => errors?.[0]?.extensions['code'] ?? null;

/** What a task chains from: where the id goes, and the input around it. */
const CHAINS: readonly (readonly [task: string, path: string, input: (owner: World, asker: World) => object])[] = [
  ['imageToVideo', 'image', ({ image }) => ({ image, prompt: 'a fox' })],
  ['extendVideo', 'video', ({ video }) => ({ video, prompt: 'a fox' })],
  ['editVideo', 'video', ({ video }) => ({ video, fromFrame: 8, prompt: 'a fox' })],
  ['inpaintVideo', 'video', ({ video }) => ({ video, mask: { rectangle: { x: 0, y: 0, width: 0.5, height: 0.5 } }, prompt: 'a fox' })],
  ['inpaintVideo', 'mask.asset', ({ mask }, { video }) => ({ video, mask: { asset: mask }, prompt: 'a fox' })],
  ['outpaintVideo', 'video', ({ video }) => ({ video, padding: { left: 0.25 }, prompt: 'a fox' })],
  ['stylizeVideo', 'video', ({ video }) => ({ video, prompt: 'PIXEL' })],
  ['videoToAudio', 'video', ({ video }) => ({ video })],
  ['audioToVideo', 'audio', ({ sound }) => ({ audio: sound })],
  ['videoToText', 'video', ({ video }) => ({ video })],
  ['audioToText', 'audio', ({ sound }) => ({ audio: sound })],
  ['createFilm', 'shots.asset', ({ image }) => ({ shots: [{ prompt: 'a fox', asset: image }, { prompt: 'a fox' }] })],
];

/** The same chain by its own mutation, by `generate` and by `estimate`. */
function chainProbes([task, path, input]: (typeof CHAINS)[number]): [string, Probe][] {
  const type = `${task.charAt(0).toUpperCase()}${task.slice(1)}Input`;
  const refused = 'NOT_FOUND';
  return [
    [`Mutation.${task}(input.${path})`, { query: `mutation($input: ${type}!) { ${task}(input: $input) { job { id } userErrors { code } } }`, variables: (owner, asker) => ({ input: input(owner, asker) }), outcome: userError(task), refused }],
    [`Mutation.generate(input.${task}.${path})`, { query: 'mutation($input: GenerateInput!) { generate(input: $input) { job { id } userErrors { code } } }', variables: (owner, asker) => ({ input: { [task]: input(owner, asker) } }), outcome: userError('generate'), refused }],
    [`Query.estimate(input.${task}.${path})`, { query: 'query($input: GenerateInput!) { estimate(input: $input) { tokens } }', variables: (owner, asker) => ({ input: { [task]: input(owner, asker) } }), outcome: errorCode, refused }],
  ];
}

const WEBHOOK = { variables: ({ webhook }: World) => ({ id: webhook }), refused: 'NOT_FOUND' } as const;

/** Each way to hand in the id of something that somebody owns. */
const PROBES: Readonly<Record<string, Probe>> = {
  ...Object.fromEntries(CHAINS.flatMap(chainProbes)),
  'Mutation.chooseCandidate(input.asset)': {
    query: 'mutation($id: ID!) { chooseCandidate(input: { asset: $id }) { asset { id } job { id } userErrors { code } } }',
    variables: ({ video }) => ({ id: video }),
    outcome: userError('chooseCandidate'),
    refused: 'NOT_FOUND',
  },
  'Mutation.retryShot(input.jobId)': {
    query: 'mutation($id: ID!) { retryShot(input: { jobId: $id, shot: 0 }) { job { id } userErrors { code } } }',
    variables: ({ finished }) => ({ id: finished }),
    outcome: userError('retryShot'),
    refused: 'NOT_FOUND',
  },
  'Mutation.updateWebhook(input.webhookId)': { query: 'mutation($id: ID!) { updateWebhook(input: { webhookId: $id, enabled: true }) { webhook { id } userErrors { code } } }', outcome: userError('updateWebhook'), ...WEBHOOK },
  'Mutation.testWebhook(input.webhookId)': { query: 'mutation($id: ID!) { testWebhook(input: { webhookId: $id }) { delivery { id } userErrors { code } } }', outcome: userError('testWebhook'), ...WEBHOOK },
  'Mutation.deleteWebhook(input.webhookId)': { query: 'mutation($id: ID!) { deleteWebhook(input: { webhookId: $id }) { deletedWebhookId userErrors { code } } }', outcome: userError('deleteWebhook'), ...WEBHOOK },
  'Query.node(id)': { query: 'query($id: ID!) { node(id: $id) { id } }', variables: ({ image }) => ({ id: image }), outcome: ({ data }) => data.node, refused: null },
  'Query.nodes(ids)': {
    query: 'query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Upload { url } } }',
    variables: ({ image, video, finished, waiting, apiKey, upload }) => ({ ids: [image, video, finished, waiting, apiKey, upload] }),
    outcome: ({ data }) => data.nodes,
    refused: [null, null, null, null, null, null],
  },
  'Mutation.cancelJob(input.jobId)': {
    query: 'mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { id } userErrors { code } } }',
    variables: ({ waiting }) => ({ id: waiting }),
    outcome: userError('cancelJob'),
    refused: 'NOT_FOUND',
  },
  'Mutation.retryJob(input.jobId)': {
    query: 'mutation($id: ID!) { retryJob(input: { jobId: $id }) { job { id retryOf { id } } userErrors { code } } }',
    variables: ({ canceled }) => ({ id: canceled }),
    outcome: userError('retryJob'),
    refused: 'NOT_FOUND',
  },
  'Mutation.finalizeUpload(input.uploadId)': {
    query: 'mutation($id: ID!) { finalizeUpload(input: { uploadId: $id }) { asset { id } userErrors { code } } }',
    variables: ({ upload }) => ({ id: upload }),
    outcome: userError('finalizeUpload'),
    refused: 'NOT_FOUND',
  },
  'Query.assets(filter.descendantOf)': {
    query: 'query($id: ID!) { assets(first: 50, filter: { descendantOf: $id }) { nodes { id } } }',
    variables: ({ image }) => ({ id: image }),
    outcome: ({ data }) => data.assets.nodes,
    refused: [],
  },
  'Mutation.updateAsset(input.assetId)': {
    query: 'mutation($id: ID!) { updateAsset(input: { assetId: $id, title: "taken" }) { asset { id } userErrors { code } } }',
    variables: ({ video }) => ({ id: video }),
    outcome: userError('updateAsset'),
    refused: 'NOT_FOUND',
  },
  'Mutation.deleteAsset(input.assetId)': {
    query: 'mutation($id: ID!) { deleteAsset(input: { assetId: $id }) { deletedAssetId userErrors { code } } }',
    variables: ({ video }) => ({ id: video }),
    outcome: userError('deleteAsset'),
    refused: 'NOT_FOUND',
  },
  // After the one above: there is something to restore.
  'Mutation.restoreAsset(input.assetId)': {
    query: 'mutation($id: ID!) { restoreAsset(input: { assetId: $id }) { asset { id } userErrors { code } } }',
    variables: ({ video }) => ({ id: video }),
    outcome: userError('restoreAsset'),
    refused: 'NOT_FOUND',
  },
  'Subscription.jobEvents(jobId)': {
    query: 'subscription($id: ID!) { jobEvents(jobId: $id) { jobId } }',
    variables: ({ finished }) => ({ id: finished }),
    outcome: errorCode,
    refused: 'NOT_FOUND',
  },
  'Subscription.activity(after.jobId)': {
    query: 'subscription($id: ID!) { activity(after: { jobId: $id, seq: 1 }) { jobId } }',
    variables: ({ finished }) => ({ id: finished }),
    outcome: errorCode,
    refused: 'INVALID_CURSOR',
  },
  'Mutation.revokeApiKey(input.apiKeyId)': {
    query: 'mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { apiKey { id } userErrors { code } } }',
    variables: ({ spareKey }) => ({ id: spareKey }),
    outcome: userError('revokeApiKey'),
    refused: 'NOT_FOUND',
  },
};

/** Ids of models: the same for every viewer. */
const OF_NOBODY = /\.model\)$/;

/** Documents without a foreign id that lead to ids. Together they fill every field that gives one out. */
const DOCUMENTS: Readonly<Record<string, { readonly query: string; readonly variables?: (world: World) => object }>> = {
  'the viewer and its keys': { query: '{ viewer { apiKey { id } } apiKeys(first: 50) { edges { node { id prefix } } nodes { id } } }' },
  'keys of another owner by filter': { query: '{ apiKeys(first: 50, filter: { ownerId: "ada" }) { nodes { id } } }' },
  assets: { query: '{ assets(first: 50) { edges { node { id } } nodes { id url ... on VideoAsset { thumbnailUrl spriteSheet { url } } ... on ImageAsset { thumbnailUrl } ... on AudioAsset { waveformUrl } job { id } } } }' },
  'what assets were made from': { query: '{ assets(first: 50) { nodes { id parents(first: 10) { nodes { id } } } } }' },
  'what was made from assets': { query: '{ assets(first: 50) { nodes { id children(first: 10) { nodes { id } } } } }' },
  'assets by filter': { query: '{ assets(first: 50, filter: { prompt: "thought" }) { nodes { id sha256 } } }' },
  jobs: { query: '{ jobs(first: 50) { edges { node { id } } nodes { id input model { id } outputs { id url sha256 } retryOf { id } } } models { id } }' },
  'a new image': { query: 'mutation { textToImage(input: { prompt: "again", sampling: { guidance: 1 } }) { job { id retryOf { id } outputs { id } } } }' },
  'the events of a job of its own': {
    query: `subscription($id: ID!) { jobEvents(jobId: $id) { jobId ... on FramesDecoded { frames { url } } ... on AssetReady { asset { id url } } ... on JobFinished { job { id outputs { id } } } } }`,
    variables: ({ finished }) => ({ id: finished }),
  },
  'its activity': { query: 'subscription($id: ID!) { activity(after: { jobId: $id, seq: 1 }) { jobId } }', variables: ({ finished }) => ({ id: finished }) },
  webhooks: { query: '{ webhooks(first: 10) { edges { node { id } } nodes { id url deliveries(first: 10) { edges { node { id } } nodes { id job { id } } } } } }' },
  'a new key': { query: 'mutation { createApiKey(input: { name: "more" }) { apiKey { id } } }' },
};

describe('documents that lead to ids', () => {
  it.each(Object.entries(DOCUMENTS))('%s: the second viewer finds nothing of the first', async (_name, { query, variables = () => ({}) }) => {
    const [hers, his] = [await ask(ada, query, variables(ada)), await ask(bob, query, variables(bob))];
    expect([hers.errors, his.errors]).toEqual([undefined, undefined]);
    const text = JSON.stringify(his.data);
    expect((await traces(ada)).filter((trace) => text.includes(trace))).toEqual([]);
    // The search can find something: it finds her things in her own answer.
    expect((await traces(ada)).some((trace) => JSON.stringify(hers.data).includes(trace))).toBe(true);
  });

  it('a cursor out of the first one\'s list shows the second one only its own', async () => {
    const query = 'query($after: String) { assets(first: 50, after: $after) { nodes { id } pageInfo { startCursor } } jobs(first: 50) { pageInfo { startCursor } } }';
    const { data } = await ask(ada, query, {});
    const { data: page, errors } = await ask(bob, query, { after: data.assets.pageInfo.startCursor });
    expect(errors).toBeUndefined();
    const found = await traces(ada);
    expect(page.assets.nodes.filter(({ id }: { id: string }) => found.includes(id))).toEqual([]);
  });
});

describe('the bytes behind the first one\'s URLs', () => {
  it('cannot be had without her signature, whoever asks', async () => {
    const query = `{ jobs(first: 50) { nodes { outputs { url ... on VideoAsset { thumbnailUrl } } } } }`;
    const urls = async (world: World): Promise<string[]> => {
      const frames = await ask(world, 'subscription($id: ID!) { jobEvents(jobId: $id) { ... on FramesDecoded { frames { url } } } }', { id: world.finished });
      return [...JSON.stringify([(await ask(world, query, {})).data, frames.data]).matchAll(/http[^"]+/g)].map(([url]) => url);
    };
    const [hers, his] = [await urls(ada), await urls(bob)];
    for (const kind of ['/media/assets/', '/media/thumbnails/', '/media/previews/']) {
      const target = new URL(hers.find((url) => url.includes(kind)) ?? '');
      expect((await fetch(target)).status).toBe(200);
      const borrowed = new URL(his.find((url) => url.includes(kind)) ?? '').search;
      for (const search of [borrowed, '', target.search.replace(/signature=.{4}/, 'signature=AAAA')]) {
        const response = await fetch(new URL(`${target.pathname}${search}`, target), { headers: { authorization: `Bearer ${bob.secret}` } });
        expect([kind, response.status, (await response.json() as { error: { code: string } }).error.code]).toEqual([kind, 403, 'SIGNATURE_INVALID']);
      }
    }
  });
});

describe('ids of the first viewer in the hands of the second', () => {
  it.each(Object.entries(PROBES))('%s', async (_coordinate, { query, variables, outcome, refused }) => {
    const before = await state(ada);
    const answer = await ask(bob, query, variables(ada, bob));
    expect(outcome(answer)).toEqual(refused);
    expect((await traces(ada)).filter((trace) => JSON.stringify(answer).includes(trace))).toEqual([]);
    expect(await state(ada)).toEqual(before);
    // The same document works for who has the things: it was not refused for another reason.
    expect(outcome(await ask(ada, query, variables(ada, ada)))).not.toEqual(refused);
  });
});

it('an upload that has become an asset leads only its owner to it', async () => {
  const query = 'query($id: ID!) { node(id: $id) { ... on Upload { asset { id } } } }';
  expect([(await ask(bob, query, { id: ada.upload })).data.node, (await ask(ada, query, { id: ada.upload })).data.node.asset.id]).toEqual([null, expect.any(String)]);
});

/** What has no value here, and why nobody gets at it all the same. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['Shot.asset', 'ShotStarted.jobId', 'ShotReady.jobId', 'ShotReady.asset', 'ShotFailed.jobId'].map((coordinate) => [coordinate, 'of a film, behind its Job or its jobEvents, which are refused above'])),
  'ChooseCandidatePayload.job': 'of the asset that was chosen, which is refused above',
  ...Object.fromEntries(['AudioDecoded.jobId', 'AudioDecoded.url', 'TextDecoded.jobId'].map((coordinate) => [coordinate, 'of a job that sounds or tells, behind its jobEvents, which are refused above'])),
  'Worker.model': 'of the machine, which is nobody\'s',
  'Upload.directUrl': 'where bytes go to a bucket, of an Upload, which is not found above',
  'WebhookDelivery.job': 'of a delivery, behind its Webhook, which is not found above',
};

describe('the tables', () => {
  it('know every field of the schema that takes an id', () => {
    const all = takesId(schema);
    expect(all.length).toBeGreaterThan(10);
    expect(Object.keys(PROBES).toSorted()).toEqual(all.filter((coordinate) => !OF_NOBODY.test(coordinate)).toSorted());
  });

  it('know every field of the schema that gives out an id or a URL: each held a value in an answer above', () => {
    const all = givesId(schema);
    expect(Object.keys(ELSEWHERE).filter((coordinate) => !all.includes(coordinate) || seen.has(coordinate))).toEqual([]);
    expect(all.filter((coordinate) => !seen.has(coordinate) && !Object.hasOwn(ELSEWHERE, coordinate))).toEqual([]);
  });
});
