import { readdir, readFile } from 'node:fs/promises';

/** Milliseconds of processor time by thread, named `process: thread`; Linux only. */
export type ProcessorTime = ReadonlyMap<string, number>;

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** What the process and all below it have used so far (proc(5): the first figure of `schedstat`, nanoseconds). */
export async function processorTime(root: number): Promise<ProcessorTime> {
  const sum = new Map<string, number>();
  for (const { pid } of await below(root)) {
    const program = pid === root ? 'server' : programOf(await text(`/proc/${pid}/cmdline`));
    for (const thread of await entries(`/proc/${pid}/task`)) {
      const [comm, schedstat] = await Promise.all([text(`/proc/${pid}/task/${thread}/comm`), text(`/proc/${pid}/task/${thread}/schedstat`)]);
      const name = `${program}: ${Number(thread) === pid ? 'main' : comm.trim()}`;
      sum.set(name, (sum.get(name) ?? 0) + Number(schedstat.split(' ')[0]) / 1e6);
    }
  }
  return sum;
}

/** From one reading to a later one, the largest first. Threads that ended between are not in it. */
export function used(before: ProcessorTime, after: ProcessorTime): { readonly name: string; readonly ms: number }[] {
  return [...after].map(([name, ms]) => ({ name, ms: ms - (before.get(name) ?? 0) })).filter(({ ms }) => ms > 0).toSorted((a, b) => b.ms - a.ms);
}

/** Bytes of memory in use (resident) by the processes of that program. */
export async function residentBytes(root: number, program: string): Promise<number> {
  let bytes = 0;
  for (const { pid } of await below(root)) {
    if (programOf(await text(`/proc/${pid}/cmdline`)) !== program) continue;
    bytes += Number(/VmRSS:\s+(\d+) kB/.exec(await text(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  }
  return bytes;
}

async function below(root: number): Promise<Process[]> {
  const all = await Promise.all((await entries('/proc')).map(async (name) => ({ pid: Number(name), parent: Number(/\) \S (\d+)/.exec(await text(`/proc/${name}/stat`))?.[1]) })));
  const found = all.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

function programOf(commandLine: string): string {
  const type = /--type=([\w-]+)/.exec(commandLine)?.[1];
  if (type === 'utility') return /NetworkService/.test(commandLine) ? 'network service' : 'utility';
  if (type !== undefined) return type;
  if (/chrom/.test(commandLine)) return 'browser';
  return /postgres/.test(commandLine) ? 'postgres' : 'worker';
}

async function entries(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => /^\d+$/.test(name));
}

/** Empty when the process has ended meanwhile. */
function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
