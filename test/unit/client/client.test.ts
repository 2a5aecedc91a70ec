import { afterEach, beforeEach, expect, it } from 'vitest';
import { CinegraphClientError, createCinegraphClient, type CinegraphClient, type JobEvent } from '../../../src/client/index.ts';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
let client: CinegraphClient;
beforeEach(async () => {
  server = await startFakeServer();
  client = createCinegraphClient({ url: server.url });
});
afterEach(() => server.close(1000));

const uuidOf = (id: string) => Buffer.from(id, 'base64url').toString().slice('Job:'.length);

it('makes, finds and cancels a job', async () => {
  const job = await client.textToVideo({ prompt: 'a red ball' });
  expect(await client.job(job.id)).toMatchObject({ id: job.id, status: 'QUEUED' });
  expect(await client.cancel(job.id)).toMatchObject({ status: 'CANCELED' });
  await expect(client.cancel(job.id)).rejects.toMatchObject({ code: 'JOB_NOT_CANCELABLE', field: ['input', 'jobId'] });
});

it('throws user errors with their field', async () => {
  await expect(client.textToImage({ prompt: '' })).rejects.toMatchObject({ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] });
});

it('says when nobody is there', async () => {
  await expect(createCinegraphClient({ url: 'http://127.0.0.1:9' }).job('x')).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

it('watches over a lost server: no event twice, none lost', async () => {
  const job = await client.textToVideo({ prompt: 'a red ball' });
  const id = uuidOf(job.id);
  const seen: JobEvent[] = [];
  for await (const event of client.watchJob(job.id)) {
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
  for await (const event of client.watchJob(job.id, { signal: controller.signal })) {
    seen.push(event.seq);
    controller.abort();
  }
  expect(seen).toEqual([1]);
});

it('does not try again when the server refuses', async () => {
  const watching = client.watchJob(Buffer.from('Job:00000000-0000-4000-8000-000000000000').toString('base64url'));
  await expect(watching.next()).rejects.toBeInstanceOf(CinegraphClientError);
});
