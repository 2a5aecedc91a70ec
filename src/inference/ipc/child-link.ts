/** One inference process, from fork to exit. Owner of the child process and of its timers. */
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LogSink } from '../core/log.ts';
import { reportSchema, type Command, type Report, type StartOptions } from './messages.ts';

const ENTRY = fileURLToPath(new URL('../process.ts', import.meta.url));
const TICK_MS = 1_000;
const CLOSE_GRACE_MS = 2_000;

/**
 * How an inference process is run, so that it does not take memory for nothing. V8: MB of each half of the young generation, which under load
 * grows to 32 by itself, for objects of which 3 MB live. glibc: pools of its allocator, of which each thread would have one, none giving anything back.
 */
export const INFERENCE_NODE = process.platform === 'linux'
  ? { execPath: '/usr/bin/env', execArgv: ['MALLOC_ARENA_MAX=2', process.execPath, '--max-semi-space-size=4'] }
  : { execPath: process.execPath, execArgv: ['--max-semi-space-size=4'] };

export interface ChildLinkOptions {
  readonly start: StartOptions;
  /** Longest time from fork to `ready`. */
  readonly startTimeoutMs: number;
  /** Longest silence of a started process (it sends a heartbeat each second). */
  readonly silenceTimeoutMs: number;
  readonly log: LogSink;
  onReport(report: Report): void;
  /** Once, when the process has ended. `reason` says how. */
  onExit(reason: string): void;
}

export class ChildLink {
  readonly #child: ChildProcess;
  readonly #options: ChildLinkOptions;
  readonly #watchdog: NodeJS.Timeout;
  readonly #exited: Promise<void>;
  #started = false;
  /** Ticks since the fork, or since the last message once it is ready. Ticks, not clock time: a server that was blocked itself counts only one. */
  #silentTicks = 0;
  #reason: string | undefined;
  #lastLine = '';

  constructor(options: ChildLinkOptions) {
    this.#options = options;
    this.#child = fork(ENTRY, [], { serialization: 'advanced', ...INFERENCE_NODE, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#watchdog = setInterval(() => this.#tick(), TICK_MS);
    this.#watchdog.unref();
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream !== null) this.#forward(stream);
    this.#child.on('message', (message) => this.#receive(message));
    this.#child.on('error', (error) => (this.#reason ??= error.message));
    this.#exited = new Promise((resolve) => {
      // 'exit' and not 'close': a grandchild may hold the pipes open. A fork that fails emits 'error' alone.
      const ended = (how: string): void => {
        clearInterval(this.#watchdog);
        resolve();
        options.onExit(this.#reason ?? how);
      };
      this.#child.once('exit', (code, signal) => ended(`${signal ?? `exit code ${code}`}${this.#lastLine === '' ? '' : `, last line: ${this.#lastLine}`}`));
      if (this.#child.pid === undefined) this.#child.once('error', (error) => ended(error.message));
    });
    this.send({ type: 'start', options: options.start });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A message to a process that just died is dropped: its exit is reported anyway. */
  send(command: Command): void {
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  /** Asks the process to end, kills it after a grace period, resolves when it is gone. */
  async close(): Promise<void> {
    this.#reason ??= 'closed';
    if (this.#child.connected) this.#child.disconnect();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_GRACE_MS);
    await this.#exited;
    clearTimeout(kill);
  }

  #kill(reason: string): void {
    this.#reason ??= reason;
    this.#child.kill('SIGKILL');
  }

  #receive(message: unknown): void {
    if (this.#started) this.#silentTicks = 0;
    const parsed = reportSchema.safeParse(message);
    if (!parsed.success) return this.#kill(`it sent a message that is not valid: ${parsed.error.message}`);
    if (parsed.data.type === 'ready') {
      this.#started = true;
      this.#silentTicks = 0;
    }
    this.#options.onReport(parsed.data);
  }

  #tick(): void {
    this.#silentTicks += 1;
    const limit = this.#started ? this.#options.silenceTimeoutMs : this.#options.startTimeoutMs;
    if (this.#silentTicks * TICK_MS > limit) this.#kill(`${this.#started ? 'it gave no sign of life' : 'it was not ready'} for ${limit} ms`);
  }

  #forward(stream: NodeJS.ReadableStream): void {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() !== '') this.#lastLine = line.trim();
      this.#options.log({ level: 'debug', message: 'inference process output', details: { line } });
    });
  }
}
