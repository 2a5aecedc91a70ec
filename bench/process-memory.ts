/** What each process of a bench holds, from /proc and from bench/memory-probe.ts. Linux only. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine } from '../test/support/server.ts';

const PROBE = join(import.meta.dirname, 'memory-probe.ts');
const PROBE_MS = 60_000;
const MB = 2 ** 20;

/** MB each. */
export interface Memory {
  /** Everything, files that are mapped included. */
  readonly resident: number;
  /** What is in no file: heaps, stacks, the allocator's. */
  readonly anonymous: number;
}

export interface ProcessMemory {
  readonly pid: number;
  readonly name: string;
  /** As the process stood. */
  readonly found: Memory;
  /** After it let go of all it could. */
  readonly collected: Memory;
  /** MB that the heap and its buffers hold of that. */
  readonly held: number;
  /** Seconds of processor time since its start. */
  readonly cpu: number;
}

interface Answer {
  readonly after: NodeJS.MemoryUsage;
  readonly cpu: NodeJS.CpuUsage;
}

/** Measures processes that were started with `env`. Owner of a folder until it is closed. */
export class MemoryMeter implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<MemoryMeter> {
    return new MemoryMeter(await mkdtemp(join(tmpdir(), 'cinegraph-memory-')));
  }

  /** For the processes to be measured; their children inherit it. */
  get env(): Readonly<Record<string, string>> {
    return { NODE_OPTIONS: `--import ${PROBE}`, MEMORY_PROBE: this.#folder };
  }

  /** In the order of `pids`, without those that have ended. */
  async of(pids: readonly number[]): Promise<ProcessMemory[]> {
    const measured: ProcessMemory[] = [];
    // One after the other: a collection is work, and the time for an answer is bounded.
    for (const pid of pids) if ((await commandLine(pid)) !== '') measured.push(await this.#measure(pid));
    return measured;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #measure(pid: number): Promise<ProcessMemory> {
    const name = nameOf(await commandLine(pid));
    const found = await residentOf(pid);
    const { after, cpu } = await this.#ask(pid);
    return { pid, name, found, collected: await residentOf(pid), held: (after.heapUsed + after.external) / MB, cpu: (cpu.user + cpu.system) / 1e6 };
  }

  async #ask(pid: number): Promise<Answer> {
    const file = join(this.#folder, String(pid));
    await rm(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    for (const end = Date.now() + PROBE_MS; Date.now() < end; await sleep(50)) {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text !== undefined) return JSON.parse(text) as Answer;
    }
    throw new Error(`process ${pid} did not answer`);
  }
}

/** Of a process of any kind; zeros when it is gone. */
export async function residentOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const line = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { resident: line('VmRSS'), anonymous: line('RssAnon') };
}

/** `api`, `worker`, or the entry: `process`, `encoder-process`. */
function nameOf(command: string): string {
  return /--role (\w+)/.exec(command)?.[1] ?? basename(/(\S+)\.ts/.exec(command)?.[1] ?? command);
}
