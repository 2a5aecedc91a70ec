import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { toGlobalId } from '../../../src/resolvers/global-id.ts';
import { LOCAL } from '../../support/local-viewer.ts';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
let jobId: string;
beforeEach(async () => {
  server = await startFakeServer();
  const job = await server.services.generation.generate(LOCAL, { task: 'TEXT_TO_VIDEO', prompt: 'a' });
  jobId = job.id;
});
afterEach(() => server.close(1000));

const QUERY = `subscription($jobId: ID!, $afterSeq: Int) { jobEvents(jobId: $jobId, afterSeq: $afterSeq) {
  __typename jobId seq
  ... on FramesDecoded { frames { index url dataUrl } }
  ... on AssetReady { asset { id } }
  ... on JobFinished { job { status lastSeq } }
} }`;

interface Event {
  readonly __typename: string;
  readonly seq: number;
  readonly frames?: readonly { readonly dataUrl: string }[];
  readonly job?: { readonly status: string };
}

/** A live subscription: its events, and how to leave. */
const TRANSPORTS = {
  webSocket(variables: Record<string, unknown>) {
    const client = createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 });
    return { events: client.iterate<{ jobEvents: Event }>({ query: QUERY, variables }), leave: () => client.dispose() };
  },
  sse(variables: Record<string, unknown>) {
    const client = createSseClient({ url: `${server.url}/graphql/stream`, retryAttempts: 0 });
    return { events: client.iterate<{ jobEvents: Event }>({ query: QUERY, variables }), leave: () => client.dispose() };
  },
} as const;

function finish(): void {
  server.services.emit(jobId, { type: 'FramesDecoded', candidate: 0, firstFrame: 0, frames: [{ index: 0, width: 2, height: 2 }], final: true });
  server.services.addAsset(jobId);
  server.services.update(jobId, { status: 'SUCCEEDED' });
  server.services.emit(jobId, { type: 'JobFinished', status: 'SUCCEEDED' });
}

describe.each(Object.entries(TRANSPORTS))('jobEvents over %s', (_name, open) => {
  it('replays, follows, and completes after the last event', async () => {
    const { events, leave } = open({ jobId: toGlobalId('Job', jobId) });
    const seen: Event[] = [];
    for await (const { data } of events) {
      if (data == null) continue;
      seen.push(data.jobEvents);
      if (seen.length === 1) finish();
    }
    await leave();
    expect(seen.map((event) => [event.seq, event.__typename])).toEqual([
      [1, 'JobQueued'],
      [2, 'FramesDecoded'],
      [3, 'JobFinished'],
    ]);
    expect(seen[1]?.frames?.[0]?.dataUrl).toBe(`data:image/webp;base64,${Buffer.from('webp 0').toString('base64')}`);
    // Loaded after the event, not taken from what an earlier event of the same operation had loaded.
    expect(seen[2]?.job).toEqual({ status: 'SUCCEEDED', lastSeq: 3 });
  });

  it('resumes after a given event', async () => {
    finish();
    const { events, leave } = open({ jobId: toGlobalId('Job', jobId), afterSeq: 2 });
    const seen: number[] = [];
    for await (const { data } of events) seen.push(data?.jobEvents.seq ?? 0);
    await leave();
    expect(seen).toEqual([3]);
  });

  it('lets go of the source at once when the client leaves while nothing happens', async () => {
    const { events, leave } = open({ jobId: toGlobalId('Job', jobId) });
    await events.next();
    await vi.waitFor(() => expect(server.services.followers).toBe(1));
    await leave();
    await vi.waitFor(() => expect(server.services.followers).toBe(0));
  });

  it.each([
    ['an unknown job', { jobId: toGlobalId('Job', '00000000-0000-4000-8000-000000000000') }, 'NOT_FOUND'],
    ['a foreign id', { jobId: 'nonsense' }, 'INVALID_ID'],
    ['a negative afterSeq', { jobId: toGlobalId('Job', '00000000-0000-4000-8000-000000000000'), afterSeq: -1 }, 'INVALID_INPUT'],
  ])('refuses %s', async (_what, variables, code) => {
    const { events, leave } = open(variables);
    const { value } = await events.next();
    await leave();
    expect(value?.errors?.[0]?.extensions?.['code']).toBe(code);
  });
});

describe('followers of one job', () => {
  const followed = async (query: string, address = server.url) => {
    const client = createWsClient({ url: `${address.replace('http', 'ws')}/graphql`, retryAttempts: 0, webSocketImpl: WebSocket });
    const events = client.iterate<{ jobEvents: Event & { readonly frames?: readonly { readonly url: string }[] } }>({ query, variables: { jobId: toGlobalId('Job', jobId) } });
    await events.next();
    const rest = async () => {
      const seen = [];
      for await (const { data } of events) seen.push(data?.jobEvents);
      await client.dispose();
      return seen;
    };
    return rest();
  };

  it('who ask for the same are answered by one execution', async () => {
    const rest = [followed(QUERY), followed(QUERY), followed(QUERY)];
    await vi.waitFor(() => expect(server.services.followers).toBe(3));
    const before = server.services.calls['jobs.byIds'] ?? 0;
    finish();
    const [first, ...others] = await Promise.all(rest);
    expect(first?.map((event) => [event?.seq, event?.__typename])).toEqual([[2, 'FramesDecoded'], [3, 'JobFinished']]);
    expect(others).toEqual([first, first]);
    expect((server.services.calls['jobs.byIds'] ?? 0) - before).toBe(1);
  });

  it('each get what they asked for, with the address they came by', async () => {
    const short = 'subscription($jobId: ID!) { jobEvents(jobId: $jobId) { seq } }';
    const rest = [followed(QUERY), followed(short), followed(QUERY, server.url.replace('127.0.0.1', 'localhost'))];
    await vi.waitFor(() => expect(server.services.followers).toBe(3));
    finish();
    const [full, seqs, elsewhere] = await Promise.all(rest);
    expect(seqs).toEqual([{ seq: 2 }, { seq: 3 }]);
    expect(full?.[0]?.frames?.[0]?.url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(elsewhere?.[0]?.frames?.[0]?.url).toMatch(/^http:\/\/localhost:/);
  });
});

/** The HTTP status with which a handshake is answered. */
function status(path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, 'graphql-transport-ws', { headers });
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('error', () => undefined);
  });
}

describe('the WebSocket endpoint', () => {

  it('checks path, origin and readiness before the handshake', async () => {
    expect(await status('/graphql')).toBe(101);
    expect(await status('/graphql', { origin: 'http://localhost:5173' })).toBe(101);
    expect(await status('/elsewhere')).toBe(404);
    expect(await status('/graphql', { origin: 'https://evil.example' })).toBe(403);
    expect(await status('/graphql', { host: 'evil.example' })).toBe(403);
    server.status.backend = undefined;
    expect(await status('/graphql')).toBe(503);
  });

  it('closes with 1001 when the server stops', async () => {
    const { events } = TRANSPORTS.webSocket({ jobId: toGlobalId('Job', jobId) });
    await events.next();
    const rest = events.next().catch((error: unknown) => error);
    await server.close(1000);
    expect(await rest).toMatchObject({ code: 1001 });
    server = await startFakeServer();
  });
});
