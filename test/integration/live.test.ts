import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createClient as createWsClient } from 'graphql-ws/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { type Attempt, JobStore } from '../../src/jobs/job-store.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { startStackServer } from '../support/stack-server.ts';
import { LOCAL } from '../support/local-viewer.ts';

const QUERY = 'subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename seq ... on FramesDecoded { frames { dataUrl } } } }';
/** As large as a picture inside an event may be. */
const WEBP = Buffer.alloc(32 * 1024, 7);
const PREVIEWS = 700;

interface Seen {
  readonly __typename: string;
  readonly seq: number;
}

/** The real server on real events; the test is the one who makes them, so that it knows them all. */
describe('live streams', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let server: RunningServer;
  let store: JobStore;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
    stack = await openDataStack({ inference });
    store = new JobStore(stack.database);
    server = await serve(60_000);
  });
  afterAll(async () => {
    await server.close(1000);
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  const serve = async (keepAliveMs: number): Promise<RunningServer> =>
    startStackServer(stack, { keepAliveMs });
  const start = async (): Promise<Attempt> => {
    const { id } = await stack.services.generation.generate(LOCAL, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    const run = await store.claim(id);
    if (run === undefined) throw new Error('not claimed');
    return run;
  };
  const started = (run: Attempt): Promise<void> => store.append(run, { type: 'JobStarted', tokensTotal: 10, executionProvider: 'cpu' });
  const preview = (run: Attempt): Promise<void> => {
    const frame = { index: 0, width: 8, height: 8 };
    return store.append(run, { type: 'FramesDecoded', candidate: 0, firstFrame: 0, frames: [frame], final: false }, {}, [{ ...frame, webp: WEBP }]);
  };
  const openSse = async (run: Attempt, from = server): Promise<IncomingMessage> => {
    const url = new URL(`${from.url}/graphql/stream`);
    url.search = new URLSearchParams({ query: QUERY, variables: JSON.stringify({ jobId: toGlobalId('Job', run.jobId) }) }).toString();
    const [response] = (await once(request(url).end(), 'response')) as [IncomingMessage];
    return response.setEncoding('utf8');
  };
  const readAll = async (response: IncomingMessage): Promise<Seen[]> => {
    let text = '';
    for await (const chunk of response) text += chunk as string;
    const results = text.split('\n').filter(line => line.startsWith('data: {"data"')).map(line => JSON.parse(line.slice(6)) as { data: { jobEvents: Seen } });
    return results.map(({ data }) => data.jobEvents);
  };

  it('lose no state event for a reader that stalls; it gets the newest preview instead of each', async () => {
    const run = await start();
    const response = await openSse(run);
    response.pause();
    const states: number[] = [1];
    for (let count = 1; count <= PREVIEWS; count++) {
      await preview(run);
      // More of them than there are, so that they lie everywhere in what the reader missed.
      if (count % 100 !== 0) continue;
      await started(run);
      states.push(run.seq);
    }
    const newest = run.seq - 1;
    await store.fail(run, 'INTERNAL', 'the end');
    states.push(run.seq);
    const seen = await readAll(response);
    expect(seen.filter(({ __typename }) => __typename !== 'FramesDecoded').map(({ seq }) => seq)).toEqual(states);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq).toSorted((a, b) => a - b));
    const previews = seen.filter(({ __typename }) => __typename === 'FramesDecoded').map(({ seq }) => seq);
    expect(previews.at(-1)).toBe(newest);
    expect(previews.length).toBeLessThan(PREVIEWS);
  });

  it('bring all of a hundred readers everything, in order', async () => {
    const run = await start();
    const clients = Array.from({ length: 10 }, () => createWsClient({ url: `${server.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 }));
    const variables = { jobId: toGlobalId('Job', run.jobId) };
    const readers = clients.flatMap(client => Array.from({ length: 10 }, async () => {
      const seqs: number[] = [];
      for await (const { data } of client.iterate<{ jobEvents: Seen }>({ query: QUERY, variables })) if (data != null) seqs.push(data.jobEvents.seq);
      return seqs;
    }));
    await started(run);
    for (let count = 0; count < 20; count++) await preview(run);
    await store.fail(run, 'INTERNAL', 'the end');
    for (const seqs of await Promise.all(readers)) expect(seqs).toEqual(Array.from({ length: 23 }, (_, index) => index + 1));
    for (const client of clients) await client.dispose();
  });

  it('stay alive while nothing happens: pings over WebSocket, comments over server-sent events', async () => {
    const run = await start();
    const busy = await serve(1000);
    const socket = new WebSocket(`${busy.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'ping', { signal: AbortSignal.timeout(60_000) });
    socket.terminate();
    const response = await openSse(run, busy);
    let comments = 0;
    for await (const chunk of response) if ((chunk as string).includes(':\n\n') && ++comments === 3) break;
    expect(comments).toBe(3);
    await busy.close(1000);
  });

  it('are closed with 1001 when the server stops', async () => {
    const own = await serve(60_000);
    const socket = new WebSocket(`${own.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const closed = once(socket, 'close') as Promise<[number]>;
    await own.close(10_000);
    expect((await closed)[0]).toBe(1001);
  });
});
