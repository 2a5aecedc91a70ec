/** One worker process against two, and what the queue adds to a job: `node bench/workers.ts [jobs]`, with the tiny bundle. */
import { cpus, loadavg } from 'node:os';
import pg from 'pg';
import { createCinegraphClient } from '../src/client/index.ts';
import { startFleet } from '../test/support/chaos/fleet.ts';

const [jobs = 60] = process.argv.slice(2).map(Number);
/** Jobs that are made one after the other: each finds its worker idle. */
const ALONE = 20;
/** Before the clock starts: pools, caches and the compiler have what they want. */
const WARM = 8;

interface Measured {
  readonly perSecond: number;
  /** Processor cores that were busy meanwhile, with whatever else ran on the machine. */
  readonly busyCores: number;
  /** From the commit that stored a job to the worker's claim, ms, sorted, one for each job that was alone. */
  readonly queueMs: readonly number[];
  /** From the beginning of the transaction that stored it. */
  readonly storedMs: readonly number[];
}

async function measure(workers: number): Promise<Measured> {
  await using fleet = await startFleet({ apis: 1, workers });
  const client = createCinegraphClient({ url: fleet.apis[0]?.url ?? '' });
  let seed = 0;
  const make = async (): Promise<string> => {
    const job = await client.textToVideo({ prompt: 'a fox', seed: seed++ });
    await job.result();
    return job.id;
  };
  const together = async (count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, make));
  await together(WARM * workers);
  const sql = new pg.Client({ connectionString: fleet.databaseUrl });
  await sql.connect();
  const since = (await sql.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]?.now;
  for (let count = 0; count < ALONE; count += 1) await make();
  const { rows } = await sql.query<{ queue: number; stored: number }>(
    `SELECT (1000 * extract(epoch FROM j.started_at - pg_xact_commit_timestamp(e.xmin)))::float8 AS queue, (1000 * extract(epoch FROM j.started_at - j.created_at))::float8 AS stored
     FROM job j JOIN job_event e ON e.job_id = j.id AND e.seq = 1 WHERE j.created_at > $1`,
    [since],
  );
  await sql.end();
  const [started, busy] = [performance.now(), busyMs()];
  await together(jobs);
  const elapsed = performance.now() - started;
  return { perSecond: (1000 * jobs) / elapsed, busyCores: (busyMs() - busy) / elapsed, queueMs: rows.map(({ queue }) => queue).sort(byNumber), storedMs: rows.map(({ stored }) => stored).sort(byNumber) };
}

function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

const byNumber = (a: number, b: number): number => a - b;

function quantile(sorted: readonly number[], q: number): string {
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN).toFixed(1)} ms`;
}

const load = loadavg()[0] ?? 0;
const [one, two] = [await measure(1), await measure(2)];
const rate = ({ perSecond, busyCores }: Measured): string => `${perSecond.toFixed(2)} clips/s (${busyCores.toFixed(2)} cores busy)`;
console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
console.log(['| what | measured | aim |', '|---|---|---|',
  `| ${jobs} clips at once, one worker / two workers | ${rate(one)} / ${rate(two)} | |`,
  `| two against one (with ${cpus().length} cores, ${(cpus().length / one.busyCores).toFixed(2)} x would fill them) | ${(two.perSecond / one.perSecond).toFixed(2)} x | |`,
  `| from stored (its commit) to taken by a worker, nothing else waiting, p50 / p95 of ${one.queueMs.length} | ${quantile(one.queueMs, 0.5)} / ${quantile(one.queueMs, 0.95)} | 30 ms p50 |`,
  `| the same, with storing it (from the beginning of its transaction) | ${quantile(one.storedMs, 0.5)} / ${quantile(one.storedMs, 0.95)} | |`].join('\n'));
