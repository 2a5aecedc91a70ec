/** Services in memory: a job makes `frames` preview frames and one asset. For what must hold without a database or a model. */
import { createHash, randomUUID } from 'node:crypto';
import { CinegraphError } from '../../src/errors.ts';
import type { InferenceInfo } from '../../src/inference/core/generation.ts';
import type { ApiKeyRecord, AssetRecord, JobEventPayload, JobEventRecord, JobRecord, OpenBytes, Page, PageInput, Services } from '../../src/services/contract.ts';

export const FAKE_BYTES = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
export const FAKE_SHA256 = createHash('sha256').update(FAKE_BYTES).digest('hex');

export const FAKE_INFERENCE: InferenceInfo = {
  bundle: {
    name: 'fake',
    digest: 'f'.repeat(64),
    description: 'A model that is not there.',
    tasks: ['TEXT_TO_IMAGE', 'TEXT_TO_VIDEO'],
    styles: ['NATURAL'],
  languages: ['en'],
    width: 16,
    height: 16,
    upscaled: null,
    fps: 8,
    frameCount: 9,
    grid: [3, 2, 2],
    framesPerLatent: 4,
    windows: { latents: 3, overlap: 1 },
    codec: 'c'.repeat(64),
    maxPromptCharacters: 100,
    sampling: { temperature: 1, topK: 0, topP: 1, guidance: 3, deterministic: true },
    taskSampling: {},
    audio: null,
    caption: null,
    examples: ['a red ball'],
    trainingCommit: '0000000',
  },
  executionProvider: 'cpu',
  device: 'fake',
  providerNotes: [],
  threads: 1,
  selfCheckMs: 1,
};

export interface FakeServices extends Services {
  /** Appends an event to a job's stream. */
  emit(jobId: string, payload: JobEventPayload): void;
  /** Forgets the events after `seq`, as a crash of the database may. */
  takeBack(jobId: string, seq: number): void;
  addAsset(jobId: string, candidate?: number): AssetRecord;
  update(jobId: string, change: Partial<JobRecord>): void;
  /** Subscriptions that are being followed. */
  readonly followers: number;
  /** The next call of any use case throws this. */
  failWith(error: unknown): void;
  readonly calls: Readonly<Record<string, number>>;
}

/** No key is ever made: what keys do is tested on a real database. */
function noKeys(): Services['keys'] {
  const none = () => Promise.reject(new CinegraphError('NOT_FOUND'));
  return {
    create: none,
    revoke: none,
    byIds: async (_caller, ids) => ids.map(() => null),
    list: async () => page<ApiKeyRecord>([], { first: 1 }),
    count: async () => 0,
    authenticate: async () => null,
    usable: async () => new Set(),
    watch: () => () => undefined,
  };
}

export function createFakeServices(): FakeServices {
  const jobs = new Map<string, JobRecord>();
  const assets = new Map<string, AssetRecord>();
  const events = new Map<string, JobEventRecord[]>();
  const wakers = new Set<() => void>();
  const calls: Record<string, number> = {};
  let failure: { readonly error: unknown } | undefined;
  let followers = 0;

  const enter = (name: string) => {
    calls[name] = (calls[name] ?? 0) + 1;
    if (failure !== undefined) {
      const { error } = failure;
      failure = undefined;
      throw error;
    }
  };
  const job = (id: string) => {
    const found = jobs.get(id);
    if (found === undefined) throw new CinegraphError('NOT_FOUND');
    return found;
  };
  const update = (id: string, change: Partial<JobRecord>) => void jobs.set(id, { ...job(id), ...change });
  const emit = (jobId: string, payload: JobEventPayload) => {
    const stream = events.get(jobId) ?? [];
    stream.push({ jobId, seq: stream.length + 1, at: new Date(), ...payload });
    events.set(jobId, stream);
    update(jobId, { lastSeq: stream.length });
    for (const wake of wakers) wake();
  };
  async function* follow(jobId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<JobEventRecord, void, void> {
    followers += 1;
    try {
      for (let seq = afterSeq; !signal.aborted; ) {
        const event = events.get(jobId)?.[seq];
        if (event === undefined) {
          if (job(jobId).finishedAt !== null) return;
          await new Promise<void>((resolve) => {
            wakers.add(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
          continue;
        }
        seq = event.seq;
        yield event;
        if (event.type === 'JobFinished') return;
      }
    } finally {
      followers -= 1;
    }
  }

  return {
    emit,
    update,
    takeBack(jobId, seq) {
      events.get(jobId)?.splice(seq);
      update(jobId, { lastSeq: seq });
    },
    addAsset(jobId, candidate = 0) {
      const asset = fakeAsset({ jobId, candidate });
      assets.set(asset.id, asset);
      return asset;
    },
    get followers() {
      return followers;
    },
    failWith: (error) => void (failure = { error }),
    calls,
    generation: {
      async generate(viewer, input) {
        enter('generate');
        if ((input.prompt ?? '').trim() === '') throw new CinegraphError('PROMPT_EMPTY', undefined, { field: ['input', 'prompt'] });
        const record = fakeJob({ ownerId: viewer.ownerId, task: input.task, input: { ...input }, seed: input.seed ?? 1 });
        jobs.set(record.id, record);
        emit(record.id, { type: 'JobQueued', position: 1 });
        return job(record.id);
      },
      estimate: async () => ({ tokens: 12, seconds: null, queueSeconds: 0, queuePosition: 1, tokensPerSecond: null }),
    },
    jobs: {
      async byIds(_viewer, ids) {
        enter('jobs.byIds');
        return ids.map((id) => jobs.get(id) ?? null);
      },
      async list(_viewer, input) {
        enter('jobs.list');
        return page([...jobs.values()], input);
      },
      count: async () => jobs.size,
      async cancel(_viewer, id) {
        enter('jobs.cancel');
        if (job(id).finishedAt !== null) throw new CinegraphError('JOB_NOT_CANCELABLE', undefined, { field: ['input', 'jobId'] });
        update(id, { status: 'CANCELED', finishedAt: new Date() });
        emit(id, { type: 'JobFinished', status: 'CANCELED' });
        return job(id);
      },
      async retry(_viewer, id) {
        const record = fakeJob({ ...job(id), id: randomUUID(), status: 'QUEUED', finishedAt: null, retryOfId: id });
        jobs.set(record.id, record);
        return record;
      },
      retryShot: async () => {
        throw new Error('not in memory');
      },
      queueOutlook: async (_viewer, ids) => ids.map((id) => (jobs.get(id)?.status === 'QUEUED' ? { position: 1, etaMs: null } : null)),
      async events(_viewer, jobId, afterSeq, signal) {
        enter('jobs.events');
        job(jobId);
        return follow(jobId, afterSeq, signal);
      },
      activity: () => notInMemory(),
      previewSound: async () => null,
      previewFrame: async (_viewer, _jobId, _seq, index) => (index < 9 ? Buffer.from(`webp ${index}`) : null),
    },
    assets: {
      async byIds(_viewer, ids) {
        enter('assets.byIds');
        return ids.map((id) => assets.get(id) ?? null);
      },
      shotsByJobIds: async (_viewer, jobIds) => jobIds.map(() => []),
      candidate: async () => {
        throw new Error('not in memory');
      },
      choose: async () => {
        throw new Error('not in memory');
      },
      async byJobIds(_viewer, jobIds) {
        enter('assets.byJobIds');
        return jobIds.map((id) => [...assets.values()].filter((asset) => asset.jobId === id));
      },
      list: async (_viewer, input) => page([...assets.values()], input),
      count: async () => assets.size,
      relatives: async (_viewer, _relation, ids, input) => ids.map(() => page<AssetRecord>([], input)),
      update: () => notFaked(),
      delete: () => notFaked(),
      restore: () => notFaked(),
      openVariant: async () => null,
      open: openFake,
      export: openFake,
    },
    keys: noKeys(),
    quotas: { usage: async () => ({ activeJobs: 0, tokens: 0 }) },
    uploads: {
      create: () => notFaked(),
      byIds: async (_viewer, ids) => ids.map(() => null),
      find: async () => null,
      directUrl: async () => null,
      append: () => notFaked(),
      finalize: () => notFaked(),
    },
    // Webhooks are the queue's and the database's: tests of them run on both.
    webhooks: {
      create: () => notInMemory(),
      update: () => notInMemory(),
      remove: () => notInMemory(),
      test: () => notInMemory(),
      byIds: async (_viewer, ids) => ids.map(() => null),
      deliveriesByIds: async (_viewer, ids) => ids.map(() => null),
      deliveriesOf: async () => [],
      list: async (_viewer, input) => page([], input),
      count: async () => 0,
      deliveries: () => notInMemory(),
    },
    system: {
      status: async () => ({ version: '0.0.0', models: [FAKE_INFERENCE], workers: [], queueDepth: 0, runningJobs: 0, databaseReady: true }),
    },
  };
}

function notFaked(): Promise<never> {
  return Promise.reject(new Error('this is tested on the real services'));
}

function fakeJob(change: Partial<JobRecord>): JobRecord {
  return {
    id: randomUUID(),
    ownerId: 'local',
    task: 'TEXT_TO_VIDEO',
    status: 'QUEUED',
    input: {},
    seed: 1,
    candidates: 1,
    sampling: FAKE_INFERENCE.bundle.sampling,
    modelName: 'fake',
    modelDigest: FAKE_INFERENCE.bundle.digest,
    executionProvider: null,
    warnings: [],
    attempt: 0,
    tokensDone: 0,
    tokensTotal: 0,
    tokensPerSecond: 0,
    etaMs: null,
    lastSeq: 0,
    errorCode: null,
    errorMessage: null,
    createdAt: new Date(),
    startedAt: null,
    finishedAt: null,
    retryOfId: null,
    turn: 0,
    ...change,
  };
}

function fakeAsset(change: Partial<AssetRecord>): AssetRecord {
  return {
    id: randomUUID(),
    ownerId: 'local',
    kind: 'VIDEO',
    origin: 'GENERATED',
    title: null,
    tags: [],
    contentType: 'video/mp4',
    byteSize: FAKE_BYTES.byteLength,
    sha256: FAKE_SHA256,
    width: 16,
    height: 16,
    fps: 8,
    frameCount: 9,
    durationMs: 1125,
    hasAudio: false,
    thumbhash: null,
    thumbnailSha256: FAKE_SHA256,
    framesSha256: 'a'.repeat(64),
    jobId: null,
    candidate: 0,
    partial: false,
    shot: null,
    chosen: false,
    sampleRateHz: null,
    channels: null,
    text: null,
    createdAt: new Date(),
    deletedAt: null,
    expiresAt: null,
    ...change,
  };
}

async function openFake(_assetId: string, sha256: string): Promise<OpenBytes | null> {
  if (sha256 !== FAKE_SHA256) return null;
  return {
    sha256,
    contentType: 'video/mp4',
    title: null,
    byteSize: FAKE_BYTES.byteLength,
    async *read(start, end) {
      yield FAKE_BYTES.subarray(start, end + 1);
    },
    link: async () => null,
  };
}

function page<T extends { id: string }>(items: readonly T[], { first, after = null }: PageInput): Page<T> {
  if (first == null || first < 1 || first > 100) throw new CinegraphError('PAGE_SIZE_OUT_OF_RANGE', undefined, { field: ['first'] });
  const start = after === null ? 0 : items.findIndex((item) => item.id === after) + 1;
  const nodes = items.slice(start, start + first);
  return { edges: nodes.map((node) => ({ cursor: node.id, node })), hasNextPage: start + first < items.length, hasPreviousPage: after !== null };
}

function notInMemory(): Promise<never> {
  return Promise.reject(new Error('not in memory'));
}
