import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { MediaLog } from './clip.ts';

const START_DEADLINE_MS = 30_000;
/** FFmpeg may leak: a process is replaced after this many tasks. */
const TASKS_PER_PROCESS = 200;
/** Writable memory a process may reserve (prlimit --data), bytes. Measured: with 600 MiB Node 24 itself aborts at start; it touches 120 MiB. */
const MEMORY_BYTES = 2 ** 31;
/** MB of each half of V8's young generation: what a task is made of is bytes beside the heap. */
const YOUNG_MB = 4;

/** Why a task got no reply: its process ended by itself, was killed at the deadline, the pool is closed, or no process can be started. */
export type Loss = { readonly why: 'ended'; readonly how: string } | { readonly why: 'deadline' } | { readonly why: 'closed' } | { readonly why: 'start' };

/** What a pool's process sends: `ready` once, then a reply with the id of each request. */
type Message = { readonly type: 'ready' } | { readonly type: string; readonly id: number };

export interface ProcessPoolOptions<Reply extends Message> {
  /** For the log: "an encoder process ended ...". */
  readonly name: string;
  /** The file that a process runs. */
  readonly entry: string;
  readonly size: number;
  readonly log: MediaLog;
  /** Longest task, in ms; its process is killed then. */
  readonly deadlineMs: number;
  /** Validates a message of the process. */
  readonly parse: (message: unknown) => Reply;
  /** The error of a task that got no reply. */
  readonly lost: (loss: Loss) => Error;
  /** Absent: all processes are kept warm. Else they start when needed and end after so many ms without a task. */
  readonly idleMs?: number;
  /** Warm processes start when it resolves, or with the first task. Default: at once. */
  readonly warmFrom?: Promise<unknown> | undefined;
}

interface Task<Reply> {
  readonly request: object;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

interface Worker<Reply> {
  readonly child: ChildProcess;
  done: number;
  task: { readonly id: number; readonly of: Task<Reply>; readonly timer: NodeJS.Timeout } | undefined;
  ready: boolean;
  overdue: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** Killable processes, one task at a time each. A process that crashes, hangs or grows costs the task it holds, never the server. */
export class ProcessPool<Reply extends Message> {
  readonly #options: ProcessPoolOptions<Reply>;
  /** Whether processes can be limited here; looked at before the first one. */
  #limit: boolean | undefined;
  readonly #workers = new Set<Worker<Reply>>();
  readonly #waiting: Task<Reply>[] = [];
  #nextId = 1;
  #closed = false;

  constructor(options: ProcessPoolOptions<Reply>) {
    this.#options = options;
    if (options.idleMs !== undefined) return;
    if (options.warmFrom === undefined) this.#warm();
    else options.warmFrom.then(() => this.#warm(), () => undefined);
  }

  /** Pids of the processes, for tests that kill one. */
  get pids(): readonly number[] {
    return [...this.#workers].map(({ child }) => child.pid ?? 0);
  }

  /** Runs in a free process, or waits for one. Rejects with the error of `lost` when there is no reply. */
  run(request: object): Promise<Reply> {
    if (this.#closed) return Promise.reject(this.#options.lost({ why: 'closed' }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#assign();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#waiting.splice(0)) task.reject(this.#options.lost({ why: 'closed' }));
    await Promise.all([...this.#workers].map(({ child }) => new Promise<void>(resolve => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    })));
  }

  #warm(): void {
    while (!this.#closed && this.#workers.size < this.#options.size) this.#spawn();
  }

  #spawn(): void {
    const { name, entry, log, parse, lost } = this.#options;
    this.#limit ??= process.platform === 'linux' && spawnSync('prlimit', ['--version'], { stdio: 'ignore' }).status === 0;
    const command = this.#limit ? 'prlimit' : process.execPath;
    const args = [...(this.#limit ? [`--data=${MEMORY_BYTES}`, process.execPath] : []), `--max-semi-space-size=${YOUNG_MB}`, '--no-warnings', entry];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    const worker: Worker<Reply> = { child, done: 0, task: undefined, ready: false, overdue: false, idle: undefined };
    this.#workers.add(worker);
    const start = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    child.on('message', message => {
      clearTimeout(start);
      this.#receive(worker, parse(message));
    });
    child.on('error', error => log.error({ err: error }, `${name} process cannot be started`));
    child.on('close', (code, signal) => {
      clearTimeout(start);
      clearTimeout(worker.idle);
      this.#workers.delete(worker);
      this.#settle(worker)?.reject(lost(this.#closed ? { why: 'closed' } : worker.overdue ? { why: 'deadline' } : { why: 'ended', how: signal ?? `exit ${code}` }));
      if (this.#closed) return;
      if (!worker.ready) {
        log.error({ code, signal }, `${name} process ended before it was ready`);
        // Nobody waits for a process that may never start.
        for (const task of this.#waiting.splice(0)) task.reject(lost({ why: 'start' }));
      }
      // One that never got ready would end again at once: not faster than once a second.
      setTimeout(() => this.#refill(), worker.ready ? 0 : 1000);
    });
  }

  #refill(): void {
    if (this.#closed || this.#workers.size >= this.#options.size) return;
    if (this.#options.idleMs === undefined || this.#waiting.length > 0) this.#spawn();
  }

  #receive(worker: Worker<Reply>, message: Reply): void {
    if (message.type === 'ready') {
      worker.ready = true;
      return this.#assign();
    }
    if (!('id' in message) || message.id !== worker.task?.id) return;
    this.#settle(worker)?.resolve(message);
    if (++worker.done >= TASKS_PER_PROCESS) worker.child.kill('SIGKILL');
    else this.#assign();
    this.#restWhenIdle(worker);
  }

  #restWhenIdle(worker: Worker<Reply>): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined || worker.task !== undefined) return;
    worker.idle = setTimeout(() => worker.child.kill('SIGKILL'), idleMs).unref();
  }

  #settle(worker: Worker<Reply>): Task<Reply> | undefined {
    const { task } = worker;
    clearTimeout(task?.timer);
    worker.task = undefined;
    return task?.of;
  }

  #assign(): void {
    for (const worker of this.#workers) {
      if (!worker.ready || worker.task !== undefined || worker.done >= TASKS_PER_PROCESS || !worker.child.connected || worker.child.killed) continue;
      const task = this.#waiting.shift();
      if (task === undefined) return;
      const id = this.#nextId++;
      clearTimeout(worker.idle);
      const timer = setTimeout(() => {
        worker.overdue = true;
        worker.child.kill('SIGKILL');
      }, this.#options.deadlineMs);
      worker.task = { id, of: task, timer };
      // A send that fails means that the process is ending: its close event rejects the task.
      worker.child.send({ id, ...task.request }, () => {});
    }
    if (this.#waiting.length > 0) this.#refill();
  }
}
