/**
 * `node bench/subscribers.ts [stalled|crowd]`: what subscribers cost, measured on the whole program from clients in a process of their own. Prints a table
 * for bench/RESULTS.md. Never a timed test. MODEL_DIR chooses the bundle.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createClient } from 'graphql-ws/client';
import { WebSocket } from 'ws';
import { createCinegraphClient } from '../src/client/index.ts';

const PROMPT = 'a fox bounces on a red background';
const JOBS = 10;
const SUBSCRIBERS = 500;
const PER_SOCKET = 25;
const QUERY = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename seq at ... on FramesDecoded { frames { index dataUrl } } } }`;

interface Event {
  readonly __typename: string;
  readonly seq: number;
  readonly at: string;
}

/** What the server holds after a garbage collection, MB: its heap and the buffers outside. Resident memory would tell of V8's appetite. */
async function heldMb(server: ChildProcess): Promise<number> {
  server.send('memory');
  for (;;) {
    const [message] = (await once(server, 'message')) as [{ type: string; bytes: number }];
    if (message.type === 'memory') return message.bytes / 2 ** 20;
  }
}

async function runJobs(url: string, count: number, seed: number): Promise<string[]> {
  const client = createCinegraphClient({ url });
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const job = await client.textToVideo({ prompt: PROMPT, seed: seed + index });
    for await (const _ of client.watchJob(job.id));
    ids.push(job.id);
  }
  return ids;
}

/** Subscribes to ten jobs, all previews inside, and never reads a byte. */
async function stalled(url: string, server: ChildProcess): Promise<string[]> {
  await runJobs(url, JOBS, 1);
  const alone = await growth(server, () => runJobs(url, JOBS, 100));
  const client = createCinegraphClient({ url });
  const responses: IncomingMessage[] = [];
  const beside = await growth(server, async () => {
    for (let index = 0; index < JOBS; index++) {
      const job = await client.textToVideo({ prompt: PROMPT, seed: 200 + index });
      const query = new URLSearchParams({ query: QUERY, variables: JSON.stringify({ jobId: job.id }) });
      const [response] = (await once(request(`${url}/graphql/stream?${query.toString()}`).end(), 'response')) as [IncomingMessage];
      response.pause();
      responses.push(response);
      for await (const _ of client.watchJob(job.id));
    }
  });
  for (const response of responses) response.destroy();
  return [
    `| server memory after ${JOBS} jobs, nobody stalled (growth over the ${JOBS} before) | ${alone.toFixed(1)} MB | |`,
    `| server memory after ${JOBS} jobs, each with a subscriber that never reads | ${beside.toFixed(1)} MB | 20 MB |`,
  ];
}

async function growth(server: ChildProcess, work: () => Promise<unknown>): Promise<number> {
  const before = await heldMb(server);
  await work();
  return (await heldMb(server)) - before;
}

/** Delay: from the moment the database stored the event to its arrival at the subscriber; one clock. Counted once every subscriber is there. */
async function crowd(url: string): Promise<string[]> {
  const client = createCinegraphClient({ url });
  const sockets = Array.from({ length: SUBSCRIBERS / PER_SOCKET }, () => createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0, lazy: false }));
  // The job waits behind these until everybody has subscribed.
  const before = await Promise.all(Array.from({ length: 12 }, (_, index) => client.textToVideo({ prompt: PROMPT, seed: index, candidates: 4 })));
  const job = await client.textToVideo({ prompt: PROMPT, seed: 1000 });
  const delays: number[] = [];
  let there = 0;
  const all = Promise.withResolvers<void>();
  const readers = sockets.flatMap((socket) =>
    Array.from({ length: PER_SOCKET }, async () => {
      const seqs: number[] = [];
      for await (const { data } of socket.iterate<{ jobEvents: Event }>({ query: QUERY, variables: { jobId: job.id } })) {
        if (data == null) continue;
        if (seqs.length > 0) delays.push(Date.now() - Date.parse(data.jobEvents.at));
        else if (++there === SUBSCRIBERS) all.resolve();
        seqs.push(data.jobEvents.seq);
      }
      return seqs;
    }),
  );
  await all.promise;
  await Promise.all(before.map(({ id }) => client.cancel(id).catch(() => undefined)));
  const streams = await Promise.all(readers);
  for (const socket of sockets) await socket.dispose();
  const longest = Math.max(...streams.map((seqs) => seqs.length));
  const complete = streams.filter((seqs) => seqs.length === longest && seqs.every((seq, index) => seq === index + 1)).length;
  delays.sort((a, b) => a - b);
  const quantile = (q: number): string => `${delays[Math.min(delays.length - 1, Math.floor(q * delays.length))] ?? Number.NaN} ms`;
  return [
    `| ${SUBSCRIBERS} subscribers of one job with previews: received all ${longest} events | ${complete} of ${streams.length} | all |`,
    `| delay from stored to received p50 / p95 / max (${delays.length} deliveries, server and clients on the same cores) | ${quantile(0.5)} / ${quantile(0.95)} / ${quantile(1)} | |`,
  ];
}

async function ready(child: ChildProcess): Promise<string> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ type: string; url: string }];
    if (message.type === 'ready') return message.url;
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-bench-'));
const child = fork(path.join(import.meta.dirname, 'served-app.ts'), { execArgv: ['--expose-gc'], env: { ...process.env, DATA_DIR: dataDir, PORT: '0', JOB_CONCURRENCY: '1' } });
try {
  const load = loadavg()[0] ?? 0;
  const url = await ready(child);
  const only = process.argv[2];
  const rows = [...(only === 'crowd' ? [] : await stalled(url, child)), ...(only === 'stalled' ? [] : await crowd(url))];
  console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
  console.log(['| what | measured | aim |', '|---|---|---|', ...rows].join('\n'));
} finally {
  if (child.connected) child.send('close');
  await once(child, 'exit', { signal: AbortSignal.timeout(30_000) }).catch(() => child.kill('SIGKILL'));
  await rm(dataDir, { recursive: true, force: true });
}
