/**
 * `node bench/start.ts [ROUNDS] [FOLDER ...]`: how long `npm start` takes until it is ready, the first start in a new data folder and the one after it, with `cpu` and with `auto`.
 * Prints a table for bench/RESULTS.md. FOLDER: checkouts that take turns; this one alone if there is none. `ready`, of all rounds, the shortest first; `processor time`: of the program and all
 * processes that it has started, the least of all rounds: on a busy machine it says more. Linux only.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { allGone, commandLine, descendants } from '../test/support/server.ts';

const TICKS_PER_SECOND = 100;
const DEADLINE_MS = 120_000;

interface Start {
  /** Seconds since `npm start`. */
  readonly listening: number;
  readonly database: number;
  readonly ready: number;
  /** Processor time until then, seconds. */
  readonly used: number;
  readonly load: number;
}

async function start(checkout: string, dataDir: string, provider: string): Promise<Start> {
  const [load = 0] = loadavg();
  const began = performance.now();
  const child = spawn('npm', ['start'], { cwd: checkout, env: { ...process.env, PORT: '0', DATA_DIR: dataDir, EXECUTION_PROVIDER: provider }, stdio: ['ignore', 'pipe', 'ignore'], timeout: DEADLINE_MS });
  const at = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdout })) {
    const step = /^\s*(listening|database|Ready)/.exec(line)?.[1];
    if (step !== undefined) at.set(step, (performance.now() - began) / 1000);
    if (step === 'Ready') break;
  }
  const pids = [child.pid ?? 0, ...(await descendants(child.pid ?? 0))];
  const used = (await Promise.all(pids.map(processorSeconds))).reduce((sum, seconds) => sum + seconds, 0);
  // Not npm, which would end before the program gives the data folder back.
  for (const pid of pids) if (/^node\b.*src\/main\.ts/.test(await commandLine(pid))) process.kill(pid, 'SIGTERM');
  await allGone(pids);
  const of = (step: string): number => at.get(step) ?? Number.NaN;
  return { listening: of('listening'), database: of('database'), ready: of('Ready'), used, load };
}

/** Of a process and its children that have ended (proc(5): utime, stime, cutime, cstime). */
async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').slice(11, 15);
  return fields.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

const [rounds = '3', ...folders] = process.argv.slice(2);
const checkouts = folders.length === 0 ? [path.resolve(import.meta.dirname, '..')] : folders.map((folder) => path.resolve(folder));
const starts = new Map<string, Start[]>();
for (const provider of ['cpu', 'auto']) {
  for (let round = 0; round < Number(rounds); round += 1) {
    for (const checkout of checkouts) {
      const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-start-'));
      for (const which of ['first', 'later']) {
        const name = `${checkouts.length > 1 ? `${path.basename(checkout)}: ` : ''}\`${provider}\`, ${which} start`;
        starts.set(name, [...(starts.get(name) ?? []), await start(checkout, dataDir, provider)]);
      }
      await rm(dataDir, { recursive: true, force: true });
    }
  }
}

const list = (values: readonly number[], digits: number): string => values.map((value) => value.toFixed(digits)).join(', ');
console.log(`## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}\n`);
console.log('| start | listening, s | database, s | ready, s | processor time, s | load at its start |\n|---|---|---|---|---|---|');
for (const [name, all] of starts) {
  const sorted = all.toSorted((a, b) => a.ready - b.ready);
  const fastest = sorted[0] as Start;
  console.log(`| ${name} | ${fastest.listening.toFixed(1)} | ${fastest.database.toFixed(1)} | ${list(sorted.map(({ ready }) => ready), 1)} | ${Math.min(...all.map(({ used }) => used)).toFixed(1)} | ${list(sorted.map(({ load }) => load), 1)} |`);
}
