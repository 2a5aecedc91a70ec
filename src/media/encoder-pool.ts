import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CinegraphError } from '../errors.ts';
import { type ClipInput, type EncodeReply, type EncodedClip, type MediaLog, encodeReply } from './clip.ts';

const ENTRY = fileURLToPath(new URL('./encoder-process.ts', import.meta.url));
const START_DEADLINE_MS = 30_000;
const ENCODE_DEADLINE_MS = 60_000;
/** FFmpeg may leak: a process is replaced after this many clips. */
const CLIPS_PER_PROCESS = 200;
/** Writable memory an encoder process may reserve (prlimit --data), bytes. Measured: with 600 MiB Node 24 itself aborts at start; it touches 120 MiB. */
const MEMORY_BYTES = 2 ** 31;

export interface EncoderPoolOptions {
  /** Encoder processes, each kept warm. */
  readonly size: number;
  readonly log: MediaLog;
  /** Longest encode, in ms; the process is killed then. */
  readonly deadlineMs?: number;
}

interface Task {
  readonly clip: ClipInput;
  readonly resolve: (clip: EncodedClip) => void;
  readonly reject: (error: unknown) => void;
}

interface Encoder {
  readonly child: ChildProcess;
  done: number;
  task: { readonly id: number; readonly of: Task; readonly timer: NodeJS.Timeout } | undefined;
  ready: boolean;
}

/** Warm, killable encoder processes. A process that crashes, hangs or grows costs the clip it holds, never the server. */
export class EncoderPool {
  readonly #options: EncoderPoolOptions;
  readonly #limit = process.platform === 'linux' && spawnSync('prlimit', ['--version'], { stdio: 'ignore' }).status === 0;
  readonly #encoders = new Set<Encoder>();
  readonly #waiting: Task[] = [];
  #nextId = 1;
  #closed = false;

  constructor(options: EncoderPoolOptions) {
    this.#options = options;
    for (let index = 0; index < options.size; index++) this.#spawn();
  }

  /** Pids of the encoder processes, for tests that kill one. */
  get pids(): readonly number[] {
    return [...this.#encoders].map(({ child }) => child.pid ?? 0);
  }

  /** Encodes in a free process, or waits for one. Rejects with INTERNAL when the process failed, crashed or hung. */
  encode(clip: ClipInput): Promise<EncodedClip> {
    if (this.#closed) return Promise.reject(new CinegraphError('INTERNAL', 'The encoders are closed.'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ clip, resolve, reject });
      this.#assign();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#waiting.splice(0)) task.reject(new CinegraphError('INTERNAL', 'The encoders are closed.'));
    await Promise.all([...this.#encoders].map(({ child }) => new Promise<void>(resolve => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    })));
  }

  #spawn(): void {
    const command = this.#limit ? 'prlimit' : process.execPath;
    const args = [...(this.#limit ? [`--data=${MEMORY_BYTES}`, process.execPath] : []), '--no-warnings', ENTRY];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    const encoder: Encoder = { child, done: 0, task: undefined, ready: false };
    this.#encoders.add(encoder);
    const start = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    child.on('message', message => {
      clearTimeout(start);
      this.#receive(encoder, encodeReply.parse(message));
    });
    child.on('error', error => this.#options.log.error({ err: error }, 'an encoder process cannot be started'));
    child.on('close', (code, signal) => {
      clearTimeout(start);
      this.#encoders.delete(encoder);
      this.#settle(encoder)?.reject(new CinegraphError('INTERNAL', `The encoder process ended (${signal ?? `exit ${code}`}).`));
      if (this.#closed) return;
      if (!encoder.ready) this.#options.log.error({ code, signal }, 'an encoder process ended before it was ready');
      // One that never got ready would end again at once: not faster than once a second.
      setTimeout(() => this.#refill(), encoder.ready ? 0 : 1000);
    });
  }

  #refill(): void {
    if (!this.#closed && this.#encoders.size < this.#options.size) this.#spawn();
  }

  #receive(encoder: Encoder, message: EncodeReply): void {
    if (message.type === 'ready') {
      encoder.ready = true;
      return this.#assign();
    }
    if (message.id !== encoder.task?.id) return;
    const task = this.#settle(encoder);
    if (message.type === 'encoded') task?.resolve({ bytes: Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength), probe: message.probe });
    else task?.reject(new CinegraphError('INTERNAL', `The clip cannot be encoded: ${message.message}`));
    if (++encoder.done >= CLIPS_PER_PROCESS) encoder.child.kill('SIGKILL');
    else this.#assign();
  }

  #settle(encoder: Encoder): Task | undefined {
    const { task } = encoder;
    clearTimeout(task?.timer);
    encoder.task = undefined;
    return task?.of;
  }

  #assign(): void {
    for (const encoder of this.#encoders) {
      if (!encoder.ready || encoder.task !== undefined || encoder.done >= CLIPS_PER_PROCESS || !encoder.child.connected) continue;
      const task = this.#waiting.shift();
      if (task === undefined) return;
      const id = this.#nextId++;
      const timer = setTimeout(() => encoder.child.kill('SIGKILL'), this.#options.deadlineMs ?? ENCODE_DEADLINE_MS);
      encoder.task = { id, of: task, timer };
      // A send that fails means that the process is ending: its close event rejects the task.
      encoder.child.send({ id, ...task.clip }, () => {});
    }
  }
}
