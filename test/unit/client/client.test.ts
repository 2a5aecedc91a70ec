import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GetSystemDocument, JobEventsDocument } from '../../../src/client/generated/operations.ts';
import {
  AccessError,
  CinegraphClientError,
  createCinegraphClient,
  InputError,
  JobCanceledError,
  JobFailedError,
  RateLimitError,
  TransferError,
  UnreachableError,
  type CinegraphClient,
  type JobEvent,
} from '../../../src/client/index.ts';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
let client: CinegraphClient;
beforeEach(async () => {
  server = await startFakeServer();
  client = createCinegraphClient({ url: server.url });
});
afterEach(async () => {
  client.close();
  await server.close(1000);
});

const uuidOf = (id: string) => Buffer.from(id, 'base64url').toString().slice('Job:'.length);
const globalId = (uuid: string) => Buffer.from(`Job:${uuid}`).toString('base64url');
const frame = (index: number) => ({ index, width: 16, height: 16 });

function finish(uuid: string, status: 'SUCCEEDED' | 'FAILED' | 'CANCELED'): void {
  const failure = status === 'FAILED' ? ({ errorCode: 'INFERENCE_CRASHED', errorMessage: 'It broke.' } as const) : {};
  server.services.update(uuid, { status, finishedAt: new Date(), ...failure });
  server.services.emit(uuid, { type: 'JobFinished', status });
}

describe('a job', () => {
  it('is made, found and canceled', async () => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    expect(await client.job(job.id)).toMatchObject({ id: job.id, status: 'QUEUED' });
    expect(await job.reload()).toMatchObject({ id: job.id, status: 'QUEUED' });
    expect(await job.cancel()).toMatchObject({ status: 'CANCELED' });
    await expect(job.cancel()).rejects.toMatchObject({ name: 'InputError', code: 'JOB_NOT_CANCELABLE', field: ['input', 'jobId'] });
    expect(await (await job.retry()).reload()).toMatchObject({ status: 'QUEUED' });
  });

  it('is found again by its id, with a handle', async () => {
    const { id } = await client.generate({ textToImage: { prompt: 'a red ball' } });
    const job = await client.attach(id);
    finish(uuidOf(id), 'SUCCEEDED');
    expect(await job.result()).toMatchObject({ id, status: 'SUCCEEDED' });
    await expect(client.attach(globalId('00000000-0000-4000-8000-000000000000'))).rejects.toMatchObject({ name: 'RequestError', code: 'NOT_FOUND' });
  });

  it('gives its result, also after it has ended', async () => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    const result = job.result();
    const asset = server.services.addAsset(uuidOf(job.id));
    finish(uuidOf(job.id), 'SUCCEEDED');
    expect((await result).outputs).toMatchObject([{ __typename: 'VideoAsset', sha256: asset.sha256 }]);
    expect(await (await client.attach(job.id)).result()).toEqual(await job.reload());
  });

  it.each([
    ['FAILED', JobFailedError, { code: 'INFERENCE_CRASHED', message: 'It broke.', retryable: true, job: { status: 'FAILED' } }],
    ['CANCELED', JobCanceledError, { code: 'CANCELED', retryable: false, job: { status: 'CANCELED' } }],
  ] as const)('that ends %s throws from result()', async (status, type, shape) => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    finish(uuidOf(job.id), status);
    const error = await job.result().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject(shape);
  });

  it('stops waiting for the result when it is told to', async () => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    const controller = new AbortController();
    const result = job.result({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(result).rejects.toThrow('enough');
  });

  it('shows each final frame once and in order, also when it begins again; drafts only when asked for', async () => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    const uuid = uuidOf(job.id);
    const decoded = (candidate: number, final: boolean, ...indexes: number[]) =>
      server.services.emit(uuid, { type: 'FramesDecoded', candidate, firstFrame: indexes[0] ?? 0, final, frames: indexes.map(frame) });
    decoded(0, true, 0);
    decoded(0, false, 1, 2);
    decoded(1, true, 0);
    server.services.emit(uuid, { type: 'JobStarted', tokensTotal: 9, executionProvider: 'cpu' });
    decoded(0, true, 0);
    decoded(0, true, 1, 2);
    finish(uuid, 'SUCCEEDED');
    const read = async (options?: Parameters<typeof job.frames>[0]) =>
      (await Array.fromAsync(job.frames(options))).map(({ candidate, index, final, dataUrl }) => [candidate, index, final, dataUrl?.slice(0, 16)]);
    expect(await read()).toEqual([[0, 0, true, 'data:image/webp;'], [1, 0, true, 'data:image/webp;'], [0, 1, true, 'data:image/webp;'], [0, 2, true, 'data:image/webp;']]);
    expect((await read({ candidate: 0, drafts: true, previews: false })).map(([, index, final, picture]) => [index, final, picture])).toEqual([
      [0, true, undefined], [1, false, undefined], [2, false, undefined], [1, true, undefined], [2, true, undefined],
    ]);
  });
});

describe('watching', () => {
  it('survives a lost server: no event twice, none lost', async () => {
    const job = await client.textToVideo({ prompt: 'a red ball' });
    const id = uuidOf(job.id);
    const seen: JobEvent[] = [];
    for await (const event of job.events()) {
      seen.push(event);
      if (event.seq === 1) {
        // The server goes away, and comes back on the same port with one event more.
        const { port, services, status } = server;
        await server.close(1000);
        services.emit(id, { type: 'JobStarted', tokensTotal: 9, executionProvider: 'cpu' });
        server = await startFakeServer({ port });
        server.status.backend = status.backend;
      }
      if (event.seq === 2) server.status.backend?.services.jobs.cancel({ ownerId: 'local' }, id).catch(() => undefined);
    }
    expect(seen.map((event) => [event.seq, event.__typename])).toEqual([
      [1, 'JobQueued'],
      [2, 'JobStarted'],
      [3, 'JobFinished'],
    ]);
  });

  it('ends without an error when the watcher leaves', async () => {
    const job = await client.textToVideo({ prompt: 'a' });
    const controller = new AbortController();
    const seen: number[] = [];
    for await (const event of job.events({ signal: controller.signal })) {
      seen.push(event.seq);
      controller.abort();
    }
    expect(seen).toEqual([1]);
  });

  it('ends when the job has ended before the place to begin at', async () => {
    const job = await client.textToVideo({ prompt: 'a' });
    finish(uuidOf(job.id), 'SUCCEEDED');
    expect(await Array.fromAsync(job.events({ afterSeq: 2 }))).toEqual([]);
  });

  it('does not try again when the server refuses', async () => {
    const watching = client.watchJob(globalId('00000000-0000-4000-8000-000000000000'));
    await expect(watching.next()).rejects.toMatchObject({ name: 'RequestError', code: 'NOT_FOUND' });
  });

  it('gives up when the server has been away too long', async () => {
    const job = await client.textToVideo({ prompt: 'a' });
    const events = job.events({ giveUpAfterMs: 1 });
    await events.next();
    await server.close(1000);
    await expect(events.next()).rejects.toBeInstanceOf(UnreachableError);
    server = await startFakeServer();
  });

  it('lets several readers share one socket', async () => {
    const job = await client.textToVideo({ prompt: 'a' });
    const readers = Array.from({ length: 5 }, () => Array.fromAsync(job.events()));
    finish(uuidOf(job.id), 'SUCCEEDED');
    for (const events of await Promise.all(readers)) expect(events.map((event) => event.seq)).toEqual([1, 2]);
  });

  it('reads more than it holds, when the reader is slow', async () => {
    const job = await client.textToVideo({ prompt: 'a' });
    const uuid = uuidOf(job.id);
    for (let tokensDone = 0; tokensDone < 1000; tokensDone += 1) server.services.emit(uuid, { type: 'TokensGenerated', tokensDone, tokensTotal: 1000, tokensPerSecond: 1, etaMs: null });
    finish(uuid, 'SUCCEEDED');
    const seen: number[] = [];
    for await (const event of job.events()) {
      seen.push(event.seq);
      // The socket's messages pile up behind this reader.
      if (seen.length % 100 === 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toEqual(Array.from({ length: 1002 }, (_, index) => index + 1));
  });
});

describe('lists', () => {
  it('are fetched page by page, and counted when asked for', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await client.textToVideo({ prompt: `${index}` })).id);
    const list = client.jobs({ pageSize: 2, withTotal: true });
    expect(await Array.fromAsync(list, (job) => job.id)).toEqual(ids);
    expect((await Array.fromAsync(list.pages())).map((page) => [page.nodes.length, page.totalCount])).toEqual([[2, 5], [2, 5], [1, 5]]);
    const { pageInfo, totalCount } = await client.jobs({ pageSize: 2 }).page();
    expect(totalCount).toBeNull();
    expect((await client.jobs({ pageSize: 2, after: pageInfo.endCursor }).page()).nodes.map((job) => job.id)).toEqual(ids.slice(2, 4));
  });

  it('are empty when there is nothing', async () => {
    expect(await Array.fromAsync(client.assets())).toEqual([]);
    expect(await client.assets({ withTotal: true }).page()).toMatchObject({ nodes: [], totalCount: 0, pageInfo: { hasNextPage: false } });
  });

  it('stop fetching when the reader leaves', async () => {
    for (let index = 0; index < 4; index += 1) await client.textToVideo({ prompt: `${index}` });
    let requests = 0;
    const counting = createCinegraphClient({
      url: server.url,
      fetch(input, init) {
        requests += 1;
        return fetch(input, init);
      },
    });
    for await (const job of counting.jobs({ pageSize: 2 })) if (job.task === 'TEXT_TO_VIDEO') break;
    expect(requests).toBe(1);
    await Array.fromAsync(counting.jobs({ pageSize: 2 }));
    expect(requests).toBe(3);
  });
});

describe('errors', () => {
  it('of the input name the field that the caller sent', async () => {
    const error = await client.textToImage({ prompt: '' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toBeInstanceOf(CinegraphClientError);
    expect(error).toMatchObject({ code: 'PROMPT_EMPTY', field: ['input', 'prompt'], retryable: false });
  });

  it('say when nobody is there', async () => {
    await expect(createCinegraphClient({ url: 'http://127.0.0.1:9' }).job('x')).rejects.toMatchObject({ name: 'UnreachableError', code: 'UNREACHABLE', retryable: true });
  });

  it('say when the bytes are not to be had', async () => {
    const error = await client.download({ url: `${server.url}/media/assets/${'0'.repeat(64)}?sig=none` }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransferError);
    expect((error as TransferError).status).toBeGreaterThanOrEqual(400);
  });

  it('of the server keep their code', async () => {
    await expect(client.job('made up')).rejects.toMatchObject({ name: 'RequestError', code: 'INVALID_ID' });
  });

  it('throw the reason of the signal', async () => {
    await expect(client.system({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('what answers instead of the server', () => {
  const answers: Record<string, readonly [number, Record<string, string>, string]> = {
    page: [502, { 'content-type': 'text/html' }, '<h1>Bad gateway</h1>'],
    json: [404, { 'content-type': 'application/json' }, '{"detail":"no"}'],
    limit: [429, { 'retry-after': '7' }, JSON.stringify({ errors: [{ message: 'Slow down.', extensions: { code: 'RATE_LIMITED' } }] })],
    access: [401, {}, JSON.stringify({ errors: [{ message: 'Who are you?', extensions: { code: 'UNAUTHENTICATED' } }] })],
    empty: [200, {}, '{"data":null}'],
  };

  it.each([
    ['page', UnreachableError, { code: 'UNREACHABLE', message: expect.stringContaining('502') }],
    ['json', UnreachableError, { code: 'UNREACHABLE' }],
    ['limit', RateLimitError, { code: 'RATE_LIMITED', retryAfterMs: 7000, retryable: true }],
    ['access', AccessError, { code: 'UNAUTHENTICATED', retryable: false }],
    ['empty', CinegraphClientError, { code: 'BAD_ANSWER' }],
  ] as const)('%s', async (name, type, shape) => {
    const stranger = createServer((_request, response) => {
      const [status, headers, body] = answers[name] ?? [500, {}, ''];
      response.writeHead(status, headers).end(body);
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const error = await createCinegraphClient({ url: `http://127.0.0.1:${(stranger.address() as AddressInfo).port}` }).system().catch((reason: unknown) => reason);
    stranger.close();
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject(shape);
  });

  it('nothing at all, in time', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expect(createCinegraphClient({ url, timeoutMs: 20 }).system()).rejects.toMatchObject({ code: 'UNREACHABLE', message: `${url} did not answer within 20 ms.` });
    silent.closeAllConnections();
    silent.close();
  });
});

describe('operations of your own', () => {
  it('are sent as they are', async () => {
    const { system } = await client.request(GetSystemDocument, {});
    expect(system.version).toBe('0.0.0');
    const job = await client.textToVideo({ prompt: 'a' });
    finish(uuidOf(job.id), 'SUCCEEDED');
    const results = await Array.fromAsync(client.subscribe(JobEventsDocument, { jobId: job.id, afterSeq: 1 }));
    expect(results).toMatchObject([{ jobEvents: { __typename: 'JobFinished', seq: 2 } }]);
  });
});
