/**
 * `node bench/end-to-end.ts`: the whole program, measured from a client on the same machine. Prints a table for bench/RESULTS.md.
 * Never a timed test. MODEL_DIR chooses the bundle. Eight jobs may run at once and have slots, unless the environment says otherwise.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createCinegraphClient, type CinegraphClient } from '../src/client/index.ts';

const PROMPT = 'a fox bounces on a red background';
const ROUNDS = 7;
const CONCURRENCY = [1, 2, 4, 8] as const;
const EXTENSION_MS = 30_000;
const CLIP_FRAMES = 17;
const FPS = 8;
const PROBE_PERIOD_MS = 20;

interface ClipTimes {
  readonly assetId: string;
  readonly firstFrameMs: number;
  readonly storedMs: number;
  readonly tokensPerSecond: number;
}

interface Probe {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

type Reply = { type: 'ready'; url: string } | { type: 'reset' } | { type: 'delay'; p99Ms: number; maxMs: number };

async function ask<T extends Reply['type']>(child: ChildProcess, message: string, type: T): Promise<Extract<Reply, { type: T }>> {
  const answer = nextMessage(child, type);
  child.send(message);
  return answer;
}

async function nextMessage<T extends Reply['type']>(child: ChildProcess, type: T): Promise<Extract<Reply, { type: T }>> {
  for (;;) {
    const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(120_000) })) as [Reply];
    if (message.type === type) return message as Extract<Reply, { type: T }>;
  }
}

async function oneClip(client: CinegraphClient, seed: number): Promise<ClipTimes> {
  const started = performance.now();
  const job = await client.textToVideo({ prompt: PROMPT, seed });
  let firstFrameMs = Number.NaN;
  let tokensPerSecond = Number.NaN;
  for await (const event of client.watchJob(job.id)) {
    if (event.__typename === 'FramesDecoded' && event.final && Number.isNaN(firstFrameMs)) firstFrameMs = performance.now() - started;
    if (event.__typename === 'TokensGenerated') tokensPerSecond = event.tokensPerSecond;
    if (event.__typename === 'AssetReady') return { assetId: event.asset.id, firstFrameMs, storedMs: performance.now() - started, tokensPerSecond };
  }
  throw new Error(`job ${job.id} ended without an asset`);
}

/** Clips per minute of `jobs` at once, each followed by another until there were twice as many. */
async function clipsPerMinute(client: CinegraphClient, jobs: number): Promise<number> {
  const started = performance.now();
  await Promise.all(Array.from({ length: jobs }, async (_, job) => {
    for (let turn = 0; turn < 2; turn += 1) await oneClip(client, 1000 * jobs + 10 * job + turn);
  }));
  return (2 * jobs * 60_000) / (performance.now() - started);
}

interface Extension {
  /** Seconds of video made in a second. */
  readonly pace: number;
  /** How long a player that starts with the first new frames would have stood still, ms. */
  readonly stalledMs: number;
  readonly firstFrameMs: number;
}

/** Goes on with a clip for {@link EXTENSION_MS}. */
async function extend(client: CinegraphClient, video: string): Promise<Extension> {
  const started = performance.now();
  const job = await client.extendVideo({ video, extraMs: EXTENSION_MS, seed: 5 });
  let [firstFrameMs, frames, stalledMs, lastMs] = [Number.NaN, 0, 0, 0];
  for await (const event of client.watchJob(job.id)) {
    if (event.__typename === 'JobFinished') break;
    if (event.__typename !== 'FramesDecoded' || !event.final) continue;
    lastMs = performance.now() - started;
    // What was there before comes first and costs nothing.
    if (event.firstFrame < CLIP_FRAMES) continue;
    if (Number.isNaN(firstFrameMs)) firstFrameMs = lastMs;
    stalledMs = Math.max(stalledMs, lastMs - firstFrameMs - (1000 * frames) / FPS);
    frames += event.frames.length;
  }
  return { pace: (1000 * frames) / FPS / lastMs, stalledMs, firstFrameMs };
}

/** Asks `{ __typename }` every 20 ms until told to stop. */
async function probe(url: string, stop: AbortSignal): Promise<Probe> {
  const times: number[] = [];
  while (!stop.aborted) {
    const started = performance.now();
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    await response.arrayBuffer();
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, PROBE_PERIOD_MS));
  }
  times.sort((a, b) => a - b);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), count: times.length };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile([...values].sort((a, b) => a - b), 0.5);
}

/** Highest resident memory of a process and its descendants, MB. */
async function peakMemory(root: number): Promise<{ server: number; all: number }> {
  const parents = new Map<number, number>();
  const peaks = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
    parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    peaks.set(Number(entry), Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
  }
  const isDescendant = (pid: number): boolean => pid === root || (pid > 1 && isDescendant(parents.get(pid) ?? 0));
  const all = [...peaks].filter(([pid]) => isDescendant(pid)).reduce((sum, [, mb]) => sum + mb, 0);
  return { server: peaks.get(root) ?? 0, all };
}

async function measure(child: ChildProcess, url: string): Promise<string[]> {
  const client = createCinegraphClient({ url });
  await oneClip(client, 1);

  await ask(child, 'reset', 'reset');
  const idle = await probe(url, AbortSignal.timeout(5000));
  const idleDelay = await ask(child, 'read', 'delay');

  const single: ClipTimes[] = [];
  for (let round = 0; round < ROUNDS; round++) single.push(await oneClip(client, 100 + round));

  await ask(child, 'reset', 'reset');
  const busy = new AbortController();
  const probing = probe(url, busy.signal);
  const four: ClipTimes[] = [];
  for (let round = 0; round < 2; round++) four.push(...(await Promise.all([0, 1, 2, 3].map((index) => oneClip(client, 200 + 4 * round + index)))));
  busy.abort();
  const loaded = await probing;
  const busyDelay = await ask(child, 'read', 'delay');
  const rates: string[] = [];
  for (const jobs of CONCURRENCY) rates.push((await clipsPerMinute(client, jobs)).toFixed(1));
  const extension = await extend(client, single[0]?.assetId ?? '');
  const memory = await peakMemory(child.pid ?? 0);

  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return [
    '| what | measured | aim |',
    '|---|---|---|',
    `| one clip: first decoded frame at the subscriber (median of ${ROUNDS}) | ${ms(median(single.map((clip) => clip.firstFrameMs)))} | 400 ms |`,
    `| one clip: stored (median / worst of ${ROUNDS}) | ${ms(median(single.map((clip) => clip.storedMs)))} / ${ms(Math.max(...single.map((clip) => clip.storedMs)))} | 2000 ms |`,
    `| one clip: tokens per second | ${median(single.map((clip) => clip.tokensPerSecond)).toFixed(0)} | |`,
    `| four clips at once: first frame / stored (median of 8) | ${ms(median(four.map((clip) => clip.firstFrameMs)))} / ${ms(median(four.map((clip) => clip.storedMs)))} | |`,
    `| clips per minute at ${CONCURRENCY.join(', ')} jobs at once | ${rates.join(', ')} | |`,
    `| extension by ${EXTENSION_MS / 1000} s: seconds of video per second | ${extension.pace.toFixed(2)} | 1 |`,
    `| extension: first new frames / longest stall of a player that starts with them | ${ms(extension.firstFrameMs)} / ${ms(extension.stalledMs)} | - / 0 ms |`,
    `| event-loop delay of the server p99 (max), idle | ${ms(idleDelay.p99Ms)} (${ms(idleDelay.maxMs)}) | |`,
    `| event-loop delay of the server p99 (max), four clips | ${ms(busyDelay.p99Ms)} (${ms(busyDelay.maxMs)}) | 20 ms |`,
    `| \`{ __typename }\` p50 / p99, idle (${idle.count} requests) | ${ms(idle.p50Ms)} / ${ms(idle.p99Ms)} | |`,
    `| \`{ __typename }\` p50 / p99, four clips (${loaded.count} requests) | ${ms(loaded.p50Ms)} / ${ms(loaded.p99Ms)} (p99 ${(loaded.p99Ms / idle.p99Ms).toFixed(1)} x idle) | 50 ms |`,
    `| peak memory: server process / with model, encoder and Postgres | ${memory.server.toFixed(0)} MB / ${memory.all.toFixed(0)} MB | |`,
  ];
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-bench-'));
const child = fork(path.join(import.meta.dirname, 'served-app.ts'), { env: { JOB_CONCURRENCY: '8', MAX_ROWS: '16', ...process.env, DATA_DIR: dataDir, PORT: '0' } });
try {
  const load = loadavg()[0] ?? 0;
  const { url } = await nextMessage(child, 'ready');
  const table = await measure(child, url);
  console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
  console.log(table.join('\n'));
} finally {
  if (child.connected) child.send('close');
  await once(child, 'exit', { signal: AbortSignal.timeout(30_000) }).catch(() => child.kill('SIGKILL'));
  await rm(dataDir, { recursive: true, force: true });
}
