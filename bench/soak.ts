/** Many small jobs, then retention: is everything back where it was? `node bench/soak.ts [jobs] [of which before the first look]`, the whole program with the tiny bundle. */
import { readdir, readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createCinegraphClient } from '../src/client/index.ts';
import { startFleet, type Fleet } from '../test/support/chaos/fleet.ts';
import { descendants } from '../test/support/server.ts';

/** Jobs in all, and how many of them come before the first look: pools, caches, the compiler and the heap's own idea of its size take some. */
const [jobs = 4500, warm = 2500] = process.argv.slice(2).map(Number);
const AT_ONCE = 8;
/** Retention sweeps once a minute. */
const SWEPT_MS = 300_000;

/** What retention takes away. Jobs themselves and their state events stay. */
const LEFT = `SELECT ((SELECT count(*) FROM preview_frame) + (SELECT count(*) FROM asset) + (SELECT count(*) FROM blob) + (SELECT count(*) FROM blob_chunk)
  + (SELECT count(*) FROM job_event WHERE type IN ('TokensGenerated', 'FramesDecoded')) + (SELECT count(*) FROM pgboss.job) + (SELECT count(*) FROM job))::int AS count`;

interface Sample {
  readonly memoryMb: number;
  readonly handles: number;
  readonly processes: number;
}

async function sample(fleet: Fleet): Promise<Sample> {
  const roots = [...fleet.apis, ...fleet.workers].map(({ process: { pid } }) => pid);
  const pids = [...roots, ...(await Promise.all(roots.map(descendants))).flat()];
  const memory = await Promise.all(pids.map(async (pid) => Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1] ?? 0) / 1024));
  const handles = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`).catch(() => [])).length));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return { memoryMb: sum(memory), handles: sum(handles), processes: pids.length };
}

const load = loadavg()[0] ?? 0;
await using fleet = await startFleet({ apis: 1, workers: 1, env: { PREVIEW_RETENTION_HOURS: '1', EVENT_RETENTION_HOURS: '1', JOB_RETENTION_HOURS: '1', DELETE_GRACE_SECONDS: '0' } });
const client = createCinegraphClient({ url: fleet.apis[0]?.url ?? '' });
const sql = new pg.Client({ connectionString: fleet.databaseUrl });
await sql.connect();
const sizeMb = async (): Promise<number> => {
  await sql.query('VACUUM FULL');
  return Number((await sql.query<{ size: string }>('SELECT pg_database_size(current_database()) AS size')).rows[0]?.size ?? 0) / 2 ** 20;
};
let seed = 0;
const run = async (until: number): Promise<void> => {
  const work = async (): Promise<void> => {
    while (seed < until) await (await client.textToImage({ prompt: 'a fox', seed: seed++ })).result();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
};
await run(warm);
const [before, sizeBefore] = [await sample(fleet), await sizeMb()];
const started = performance.now();
await run(jobs);
const sizeFull = await sizeMb();
const perSecond = (jobs - warm) / ((performance.now() - started) / 1000);
// A day later, all of it deleted.
await sql.query(`UPDATE job SET finished_at = finished_at - interval '1 day', created_at = created_at - interval '1 day'`);
await sql.query('UPDATE asset SET deleted_at = now()');
await sql.query(`UPDATE pgboss.job SET completed_on = completed_on - interval '1 day'`);
await sql.query(`UPDATE pgboss.queue SET maintain_on = maintain_on - interval '1 day'`);
const end = Date.now() + SWEPT_MS;
const left = async (): Promise<number> => (await sql.query<{ count: number }>(LEFT)).rows[0]?.count ?? Number.NaN;
while ((await left()) > 0 && Date.now() < end) await sleep(1_000);
const [after, sizeAfter, rest] = [await sample(fleet), await sizeMb(), await left()];
await sql.end();
console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
console.log(['| an api and a worker process with their children | before | after |', '|---|---|---|',
  `| jobs (${perSecond.toFixed(1)} a second) | ${warm} | ${seed} |`,
  `| resident memory | ${before.memoryMb.toFixed(0)} MB | ${after.memoryMb.toFixed(0)} MB |`,
  `| file handles | ${before.handles} | ${after.handles} |`,
  `| processes | ${before.processes} | ${after.processes} |`,
  `| database (${sizeFull.toFixed(1)} MB before retention), ${rest} rows that should be gone | ${sizeBefore.toFixed(1)} MB | ${sizeAfter.toFixed(1)} MB |`].join('\n'));
