/** Followers of jobs that are made elsewhere: `node bench/fan-out.ts [subscribers] [streams] [events per second] [seconds] [notify|nats]`, over two api processes. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { openDatabase, type Database } from '../src/db/database.ts';
import { type Attempt, JobStore } from '../src/jobs/job-store.ts';
import { toGlobalId } from '../src/resolvers/global-id.ts';
import { LOCAL_CALLER } from '../src/services/access/caller.ts';
import { startFleet, type Member } from '../test/support/chaos/fleet.ts';
import { startNats } from '../test/support/nats.ts';

const [subscribers = 1000, streams = 20, perSecond = 8, seconds = 30] = process.argv.slice(2, 6).map(Number);
const bus = process.argv[6] ?? 'notify';
/** Sockets that are being opened at once. */
const OPENING = 50;
const SUBJECT = 'fan-out';
const QUERY = 'subscription($jobId: ID!) { jobEvents(jobId: $jobId) { seq at } }';

interface Seen {
  readonly seq: number;
  readonly at: string;
}

/** A job that no worker takes: the bench writes its events, through the same store as a run. */
async function makeJob({ pool }: Database, store: JobStore): Promise<Attempt> {
  const id = randomUUID();
  await pool.query(
    `INSERT INTO job (id, owner_id, task, input, input_digest, seed, candidates, sampling, model_name, model_digest, last_seq) VALUES ($1, $2, 'TEXT_TO_VIDEO', '{}', 'x', 1, 1, '{}', 'none', 'none', 1)`,
    [id, LOCAL_CALLER.ownerId],
  );
  await pool.query(`INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, 1, 'JobQueued', '{"type":"JobQueued","position":1}')`, [id]);
  const run = await store.claim(id, 'bench');
  if (run === undefined) throw new Error('the job cannot be claimed');
  return run;
}

async function write(store: JobStore, run: Attempt): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let next = performance.now(), number = 0; next < end; next += 1000 / perSecond) {
    await sleep(Math.max(0, next - performance.now()));
    // Of those that nobody is ever spared, however far behind.
    await store.append(run, { type: 'FramesDecoded', candidate: 0, firstFrame: number++, frames: [], final: true });
  }
  await store.fail(run, 'CANCELED', 'The bench is over.');
}

function subscribe(api: Member, jobId: string, onFirst: () => void): Promise<{ readonly seqs: number[]; readonly delays: number[] }> {
  const client = createClient({ url: `${api.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
  const [seqs, delays] = [[] as number[], [] as number[]];
  return new Promise((resolve, reject) => {
    client.subscribe<{ jobEvents: Seen }>({ query: QUERY, variables: { jobId } }, {
      next({ data }) {
        if (data == null) return;
        if (seqs.length === 0) onFirst();
        else delays.push(Date.now() - Date.parse(data.jobEvents.at));
        seqs.push(data.jobEvents.seq);
      },
      error: (cause) => reject(new Error('a follower was cut off', { cause })),
      complete: () => resolve({ seqs, delays }),
    });
  });
}

async function memoryOf({ process: { pid } }: Member): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

/** Processor time so far, ms: unlike a delay it hardly depends on what else runs. */
async function busyMs({ process: { pid } }: Member): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const load = loadavg()[0] ?? 0;
// Closed last: the fleet drains through it.
await using servers = new AsyncDisposableStack();
const nats = bus === 'nats' ? servers.adopt(await startNats(), (server) => server.close()) : undefined;
await using fleet = await startFleet({ apis: 2, workers: 0, env: { MAX_CONNECTIONS_PER_VIEWER: '100000', ...(nats === undefined ? {} : { NATS_URL: nats.url, NATS_SUBJECT: SUBJECT }) } });
const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: fleet.databaseUrl, nats: nats && { url: nats.url, subject: SUBJECT }, log: pino({ level: 'silent' }) });
const store = new JobStore(database);
const runs = await Promise.all(Array.from({ length: streams }, () => makeJob(database, store)));
const before = await Promise.all(fleet.apis.map(memoryOf));
const open = pLimit(OPENING);
const follow = async (index: number): Promise<{ readonly end: ReturnType<typeof subscribe> }> => {
  const there = Promise.withResolvers<void>();
  const end = subscribe(fleet.apis[index % fleet.apis.length] as Member, toGlobalId('Job', (runs[index % streams] as Attempt).jobId), there.resolve);
  await Promise.race([there.promise, end]);
  return { end };
};
const followers = await Promise.all(Array.from({ length: subscribers }, (_, index) => open(() => follow(index))));
const after = await Promise.all(fleet.apis.map(memoryOf));
const busyBefore = await Promise.all(fleet.apis.map(busyMs));
await Promise.all(runs.map((run) => write(store, run)));
const streamsSeen = await Promise.all(followers.map(({ end }) => end));
const busy = (await Promise.all(fleet.apis.map(busyMs))).reduce((sum, ms, index) => sum + ms - (busyBefore[index] ?? 0), 0);
const complete = streamsSeen.filter(({ seqs }, index) => seqs.length === runs[index % streams]?.seq && seqs.every((seq, at) => seq === at + 1)).length;
const delays = streamsSeen.flatMap((stream) => stream.delays).sort((a, b) => a - b);
const quantile = (q: number): string => `${delays[Math.min(delays.length - 1, Math.floor(q * delays.length))] ?? Number.NaN} ms`;
const growth = after.reduce((sum, mb, index) => sum + mb - (before[index] ?? 0), 0);
await database.close();
console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
console.log(['| what | measured | aim |', '|---|---|---|',
  `| ${bus}: ${subscribers} sockets over 2 api processes, ${streams} streams of ${perSecond} events/s for ${seconds} s: saw every event once, in order | ${complete} of ${subscribers} | all |`,
  `| stored to received p50 / p95 / max (${delays.length} deliveries, clients on the same cores) | ${quantile(0.5)} / ${quantile(0.95)} / ${quantile(1)} | 250 ms p95 |`,
  `| processor time of the api processes for each delivery | ${Math.round((1000 * busy) / delays.length)} µs | |`,
  `| resident memory for each subscriber | ${Math.round((1024 * growth) / subscribers)} kB | |`].join('\n'));
