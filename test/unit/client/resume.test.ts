import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCinegraphClient, type CinegraphClient } from '../../../src/client/index.ts';
import { watchJob } from '../../../src/client/job-events.ts';
import { openSocket } from '../../../src/client/socket.ts';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';
import { startTcpProxy, type ProxyOptions, type TcpProxy } from '../../support/tcp-proxy.ts';

let server: FakeServer;
let proxy: TcpProxy | undefined;
let client: CinegraphClient | undefined;
beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  client?.close();
  await proxy?.close();
  await server.close(1000);
});

/** A job with 200 events that has ended, and a client that reaches it through a network of its own. */
async function jobBehind(options: Omit<ProxyOptions, 'target'>, token?: () => string): Promise<{ readonly id: string; readonly client: CinegraphClient }> {
  const { id } = await createCinegraphClient({ url: server.url }).textToVideo({ prompt: 'a' });
  const uuid = Buffer.from(id, 'base64url').toString().slice('Job:'.length);
  for (let tokensDone = 0; tokensDone < 198; tokensDone += 1) {
    server.services.emit(uuid, { type: 'TokensGenerated', tokensDone, tokensTotal: 198, tokensPerSecond: 1, etaMs: null });
  }
  server.services.update(uuid, { status: 'SUCCEEDED', finishedAt: new Date() });
  server.services.emit(uuid, { type: 'JobFinished', status: 'SUCCEEDED' });
  proxy = await startTcpProxy({ target: server.port, ...options });
  client = createCinegraphClient({ url: `http://127.0.0.1:${proxy.port}`, ...(token === undefined ? {} : { token }) });
  return { id, client };
}

const ALL = Array.from({ length: 200 }, (_, index) => index + 1);

it('goes on after cuts in the middle of a message', async () => {
  const job = await jobBehind({ limits: [700, 3000, 1, 2100, 9000] });
  expect((await Array.fromAsync(job.client.watchJob(job.id))).map((event) => event.seq)).toEqual(ALL);
  expect(proxy?.cuts).toBe(5);
});

it('ends with the last event where a crash of the database took back those that were seen', async () => {
  const { id } = await createCinegraphClient({ url: server.url }).textToVideo({ prompt: 'a' });
  const uuid = Buffer.from(id, 'base64url').toString().slice('Job:'.length);
  const token = () => server.services.emit(uuid, { type: 'TokensGenerated', tokensDone: 1, tokensTotal: 2, tokensPerSecond: 1, etaMs: null });
  token();
  token();
  proxy = await startTcpProxy({ target: server.port });
  client = createCinegraphClient({ url: `http://127.0.0.1:${proxy.port}` });
  const events = client.watchJob(id);
  for (const seq of [1, 2, 3]) expect((await events.next()).value).toMatchObject({ seq });
  server.services.takeBack(uuid, 2);
  server.services.update(uuid, { status: 'SUCCEEDED', finishedAt: new Date() });
  server.services.emit(uuid, { type: 'JobFinished', status: 'SUCCEEDED' });
  proxy.cut();
  expect((await events.next()).value).toMatchObject({ __typename: 'JobFinished', seq: 3 });
  expect((await events.next()).done).toBe(true);
  // Who begins at the last event knows it.
  expect(await Array.fromAsync(client.watchJob(id, { afterSeq: 3 }))).toEqual([]);
});

it('goes on for every reader when the socket that they share is cut', async () => {
  const job = await jobBehind({ limits: [5000] });
  const readers = await Promise.all([1, 2, 3].map(() => Array.fromAsync(job.client.watchJob(job.id))));
  for (const events of readers) expect(events.map((event) => event.seq)).toEqual(ALL);
  expect(proxy?.cuts).toBe(1);
});

it('takes server-sent events where no WebSocket comes through, over cuts, and tries the WebSocket once', async () => {
  // One request for the job's events, and as many more as there are cuts in them; the first connection of all is the upgrade.
  const job = await jobBehind({ limits: [Number.POSITIVE_INFINITY, 3000, 9000, 1], refuseUpgrades: true });
  expect((await Array.fromAsync(job.client.watchJob(job.id))).map((event) => event.seq)).toEqual(ALL);
  expect([proxy?.refused, proxy?.cuts]).toEqual([1, 3]);
  expect((await Array.fromAsync(job.client.watchJob(job.id, { afterSeq: 150 }))).map((event) => event.seq)).toEqual(ALL.slice(150));
  expect(proxy?.refused).toBe(1);
});

it('says why the server refuses, over server-sent events too', async () => {
  const job = await jobBehind({ refuseUpgrades: true });
  await expect(Array.fromAsync(job.client.watchJob('nonsense'))).rejects.toMatchObject({ name: 'RequestError', code: 'INVALID_ID' });
  await expect(Array.fromAsync(job.client.watchJob(Buffer.from('Job:00000000-0000-4000-8000-000000000000').toString('base64url')))).rejects.toMatchObject({ name: 'RequestError', code: 'NOT_FOUND' });
});

it('leaves the stream of events when the reader does', async () => {
  const job = await jobBehind({ refuseUpgrades: true });
  for await (const event of job.client.watchJob(job.id)) if (event.seq === 3) break;
  const leaving = new AbortController();
  const seen: number[] = [];
  for await (const event of job.client.watchJob(job.id, { signal: leaving.signal })) {
    seen.push(event.seq);
    if (event.seq === 2) leaving.abort();
  }
  expect(seen).toEqual([1, 2]);
});

it('asks for a token at each connection', async () => {
  let asked = 0;
  const job = await jobBehind({ limits: [3000] }, () => `token ${(asked += 1)}`);
  await Array.fromAsync(job.client.watchJob(job.id));
  expect(asked).toBe(2);
});

it('notices that the peer has vanished without a word', async () => {
  const { id } = await createCinegraphClient({ url: server.url }).textToVideo({ prompt: 'a' });
  const uuid = Buffer.from(id, 'base64url').toString().slice('Job:'.length);
  const network = await startTcpProxy({ target: server.port });
  proxy = network;
  const url = `http://127.0.0.1:${network.port}`;
  const socket = openSocket({ url, token: undefined, webSocket: undefined, pingEveryMs: 50, pongWithinMs: 200 });
  const seen: number[] = [];
  for await (const event of watchJob(url, socket, id)) {
    seen.push(event.seq);
    if (event.seq !== 1) continue;
    network.freeze();
    server.services.update(uuid, { status: 'SUCCEEDED', finishedAt: new Date() });
    server.services.emit(uuid, { type: 'JobFinished', status: 'SUCCEEDED' });
  }
  socket.close();
  expect(seen).toEqual([1, 2]);
});
