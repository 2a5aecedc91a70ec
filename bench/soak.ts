/** Many small jobs, then retention: is everything back where it was? `node bench/soak.ts [jobs] [of which before the first look]`, the whole program with the tiny bundle. */
import { readdir } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createCinegraphClient } from '../src/client/index.ts';
import { startFleet, type Fleet } from '../test/support/chaos/fleet.ts';
import { commandLine, descendants } from '../test/support/server.ts';
import { MemoryMeter, residentOf, type ProcessMemory } from './process-memory.ts';

/** Jobs in all, and how many of them come before the first look: pools, caches and the compiler take some. */
const [jobs = 2200, warm = 200] = process.argv.slice(2).map(Number);
const AT_ONCE = 8;
/** Both looks come after a rest: a process that signs ends a minute after its last file, and V8 tidies up when nothing happens. */
const REST_MS = 65_000;
/** Retention sweeps once a minute. */
const SWEPT_MS = 300_000;

/** What retention takes away. */
const LEFT = `SELECT ((SELECT count(*) FROM preview_frame) + (SELECT count(*) FROM asset) + (SELECT count(*) FROM blob) + (SELECT count(*) FROM blob_chunk)
  + (SELECT count(*) FROM job_event WHERE type IN ('TokensGenerated', 'FramesDecoded')) + (SELECT count(*) FROM pgboss.job) + (SELECT count(*) FROM job))::int AS count`;

interface Sample {
  readonly memory: readonly ProcessMemory[];
  /** MB of the processes of Postgres, without what they share. */
  readonly postgres: number;
  readonly handles: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function sample(fleet: Fleet, meter: MemoryMeter): Promise<Sample> {
  const roots = [...fleet.apis, ...fleet.workers].map(({ process: { pid } }) => pid);

  const pids = [...roots, ...(await Promise.all(roots.map(descendants))).flat()];
  const handles = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`).catch(() => [])).length));
  const others = await Promise.all((await descendants(process.pid)).map(async (pid) => ({ pid, command: await commandLine(pid) })));
  const backends = others.filter(({ command }) => /^postgres: |\/postgres -D/.test(command));
  const postgres = sum((await Promise.all(backends.map(async ({ pid }) => await residentOf(pid)))).map(({ anonymous }) => anonymous));
  return { memory: await meter.of(pids), postgres, handles: sum(handles) };
}

const load = loadavg()[0] ?? 0;
await using meter = await MemoryMeter.open();
const retention = { PREVIEW_RETENTION_HOURS: '1', EVENT_RETENTION_HOURS: '1', JOB_RETENTION_HOURS: '1', DELETE_GRACE_SECONDS: '0' };
await using fleet = await startFleet({ apis: 1, workers: 1, env: { ...retention, ...meter.env } });
const client = createCinegraphClient({ url: fleet.apis[0]?.url ?? '' });
const sql = new pg.Client({ connectionString: fleet.databaseUrl });
await using _connection = { [Symbol.asyncDispose]: () => sql.end() };
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
/** A day later, all of it deleted. Says how many rows are left that should be gone. */
const retained = async (): Promise<number> => {
  await sql.query(`UPDATE job SET finished_at = finished_at - interval '1 day', created_at = created_at - interval '1 day'`);
  await sql.query('UPDATE asset SET deleted_at = now()');
  await sql.query(`UPDATE pgboss.job SET completed_on = completed_on - interval '1 day'`);
  await sql.query(`UPDATE pgboss.queue SET maintain_on = maintain_on - interval '1 day'`);
  const left = async (): Promise<number> => (await sql.query<{ count: number }>(LEFT)).rows[0]?.count ?? Number.NaN;
  for (const end = Date.now() + SWEPT_MS; Date.now() < end && (await left()) > 0; ) await sleep(1_000);
  await sleep(REST_MS);
  return await left();
};
await run(warm);
await retained();
const [before, sizeBefore] = [await sample(fleet, meter), await sizeMb()];
const started = performance.now();
await run(jobs);
const perSecond = (jobs - warm) / ((performance.now() - started) / 1000);
const sizeFull = await sizeMb();
const rest = await retained();
const [after, sizeAfter] = [await sample(fleet, meter), await sizeMb()];

const change = (from: number, to: number): string => `${to < from ? '-' : '+'} ${Math.abs(100 * (to / from - 1)).toFixed(1)} %`;
const row = (what: string, from: number, to: number): string => `| ${what} | ${from.toFixed(0)} MB | ${to.toFixed(0)} MB | ${change(from, to)} |`;
const total = (of: (process: ProcessMemory) => number): [number, number] => [sum(before.memory.map(of)), sum(after.memory.map(of))];
const spent = total(({ cpu }) => cpu);
console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
console.log(['| an api and a worker process with their children, at rest after retention | before | after | |', '|---|---|---|---|',
  `| jobs (${perSecond.toFixed(1)} a second) | ${warm} | ${seed} | |`,
  row('resident, as found', ...total(({ found }) => found.resident)),
  row('resident, after a collection in each', ...total(({ collected }) => collected.resident)),
  row('of which in no file', ...total(({ collected }) => collected.anonymous)),
  row('held by heaps and buffers', ...total(({ held }) => held)),
  row('Postgres, not shared', before.postgres, after.postgres),
  `| file handles | ${before.handles} | ${after.handles} | |`,
  `| processes | ${before.memory.length} | ${after.memory.length} | |`,
  `| database (${sizeFull.toFixed(1)} MB before retention), ${rest} rows that should be gone | ${sizeBefore.toFixed(1)} MB | ${sizeAfter.toFixed(1)} MB | |`].join('\n'));
console.log(['', '| process | resident, as found | after a collection | in no file | held |', '|---|---|---|---|---|', ...after.memory.map(({ pid, name }, index) => {
  const earlier = before.memory.find((other) => other.pid === pid) ?? before.memory.filter((other) => other.name === name)[0] ?? before.memory[index];
  const cell = (of: (process: ProcessMemory) => number): string => `${earlier === undefined ? '-' : of(earlier).toFixed(0)} / ${of(after.memory[index] as ProcessMemory).toFixed(0)}`;
  return `| ${name} | ${cell(({ found }) => found.resident)} | ${cell(({ collected }) => collected.resident)} | ${cell(({ collected }) => collected.anonymous)} | ${cell(({ held }) => held)} |`;
})].join('\n'));
console.log(`\nprocessor time of a job between the looks: ${((1000 * (spent[1] - spent[0])) / (jobs - warm)).toFixed(1)} ms`);
