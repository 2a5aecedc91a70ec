/** The real program in a process of its own, with a database and a port of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = resolve(import.meta.dirname, '../..');
/** What `npm start` gives Node. */
const NODE_FLAGS = /^node ((?:--\S+ )*)src\/main\.ts$/.exec((JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } }).scripts.start)?.[1]?.split(' ').filter(Boolean) ?? [];
export const TINY_BUNDLE = join(ROOT, 'test/support/tiny-bundle');
const START_MS = 300_000;
const STOP_MS = 90_000;

export interface Program {
  readonly url: string;
  readonly pid: number;
  /** Standard output and error so far. */
  readonly output: () => string;
  signal(signal: NodeJS.Signals): void;
  /** Waits until its output holds a text. */
  says(text: string): Promise<void>;
  /** Waits for the end. Rejects when it does not come. */
  exit(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends it with SIGTERM, by force if it must be. */
  stop(): Promise<void>;
}


export type Environment = Readonly<Record<string, string>>;

/** What every test program gets: the tiny bundle on the processor, a free port. */
export function environment(overrides: Environment = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    PORT: '0',
    MODEL_DIR: TINY_BUNDLE,
    EXECUTION_PROVIDER: 'cpu',
    INFERENCE_THREADS: '1',
    LOG_LEVEL: 'info',
    ...overrides,
  };
}

/** Starts `src/main.ts` and waits until /health/ready says yes. */
export async function startProgram(env: Environment, args: readonly string[] = []): Promise<Program> {
  const program = launch('src/main.ts', args, env);
  try {
    const url = await Promise.race([listening(program), failure(program)]);
    await Promise.race([ready(url), failure(program)]);
    return { ...program, url };
  } catch (error) {
    program.child.kill('SIGKILL');
    throw error;
  }
}

/** Runs a source file to its end. */
export async function runProgram(file: string, args: readonly string[], env: Environment): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const { child, stdout, stderr } = launch(file, args, env);
  const deadline = setTimeout(() => child.kill('SIGKILL'), START_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(deadline);
  return { code, stdout: stdout(), stderr: stderr() };
}

export type Launched = Omit<Program, 'url'> & { readonly child: ChildProcess; readonly stdout: () => string; readonly stderr: () => string };

/** Starts a source file, without waiting for anything. */
export function launch(file: string, args: readonly string[], env: Environment): Launched {
  const child = spawn(process.execPath, [...(file === 'src/main.ts' ? NODE_FLAGS : []), resolve(ROOT, file), ...args], { cwd: ROOT, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const exit = async () => {
    const late = sleep(STOP_MS, null, { ref: false });
    const result = await Promise.race([ended, late]);
    if (result === null) throw new Error(`the program did not end\n${stdout}${stderr}`);
    return { code: result[0], signal: result[1] };
  };
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    output: () => stdout + stderr,
    signal: (signal) => void child.kill(signal),
    async says(text) {
      const end = Date.now() + START_MS;
      while (!(stdout + stderr).includes(text)) {
        if (child.exitCode !== null || Date.now() > end) throw new Error(`${JSON.stringify(text)} was not said\n${stdout}${stderr}`);
        await sleep(20);
      }
    },
    exit,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await exit().catch(() => child.kill('SIGKILL'));
    },
  };
}

async function listening(program: Launched): Promise<string> {
  await program.says('listening');
  const url = /listening\s+(http:\/\/\S+)\n/.exec(program.stdout())?.[1];
  if (url === undefined) throw new Error(`no address in ${program.stdout()}`);
  return url;
}

async function ready(url: string): Promise<void> {
  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    const response = await fetch(`${url}/health/ready`).catch(() => null);
    if (response?.ok === true) return;
    await sleep(50);
  }
  throw new Error('the program did not become ready');
}

async function failure(program: Launched): Promise<never> {
  const [code] = (await once(program.child, 'close')) as [number | null];
  throw new Error(`the program ended with ${code}\n${program.output()}`);
}

/** A folder for one test file, removed by `remove`. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cinegraph-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Every process below this one, from /proc. Linux only. */
export async function descendants(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const direct = children.split(' ').filter(Boolean).map(Number);
  const deeper = await Promise.all(direct.map(descendants));
  return [...direct, ...deeper.flat()];
}

/** The command line of a process; empty when it is gone. */
export async function commandLine(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.replaceAll('\0', ' ').trim();
}

/** Waits until none of these processes is left. */
export async function allGone(pids: readonly number[]): Promise<void> {
  const end = Date.now() + STOP_MS;
  for (;;) {
    const left = [];
    for (const pid of pids) if ((await commandLine(pid)) !== '') left.push(`${pid} ${await commandLine(pid)}`);
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`still running: ${left.join('; ')}`);
    await sleep(50);
  }
}
