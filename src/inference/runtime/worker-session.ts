/**
 * An ONNX graph on a thread of its own: its runs overlap those of other graphs and leave the caller's event loop alone. Runs queue up in order;
 * tensors cross by value, results without a copy.
 */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { GraphRunner, SessionOptions, Tensors } from './graph-session.ts';
import { fromPlain, toPlain, type PlainTensors } from './plain-tensors.ts';

/**
 * MB of each half of the young generation of a thread: its tensors lie beside the heap. A flag of V8, because one that the process was given outdoes the
 * `resourceLimits` of a thread; it is read when a heap is made, so the heaps that there are keep theirs.
 */
const YOUNG_MB = 2;

/** To the thread. */
export type WorkerCommand = { readonly type: 'run'; readonly id: number; readonly feeds: PlainTensors } | { readonly type: 'close' };

/** From the thread. */
export type WorkerReport =
  | { readonly type: 'opened' }
  | { readonly type: 'ran'; readonly id: number; readonly outputs: PlainTensors }
  | { readonly type: 'failed'; readonly id: number | undefined; readonly message: string };

export interface WorkerInput {
  readonly path: string;
  readonly options: SessionOptions;
}

interface Pending {
  readonly resolve: (outputs: Tensors) => void;
  readonly reject: (error: Error) => void;
}

/** Owner of the thread until `close`. */
export class WorkerSession implements GraphRunner {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #nextId = 0;
  #failure: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (report: WorkerReport) => this.#receive(report));
    worker.on('error', (error) => this.#fail(error));
    worker.once('exit', () => this.#fail(new Error('the thread of a graph ended')));
  }

  /** Loads a graph on a new thread. Throws what onnxruntime threw. */
  static async open(path: string, options: SessionOptions): Promise<WorkerSession> {
    const input: WorkerInput = { path, options };
    setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`);
    const worker = new Worker(new URL('./session-thread.ts', import.meta.url), { workerData: input });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', (report: WorkerReport) => (report.type === 'failed' ? reject(new Error(report.message)) : resolve()));
      worker.once('error', reject);
    });
    return new WorkerSession(worker);
  }

  /** Runs the graph; every output is a fresh tensor. */
  async run(feeds: Tensors): Promise<Tensors> {
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId;
    this.#nextId += 1;
    return await new Promise<Tensors>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ type: 'run', id, feeds: toPlain(feeds) });
    });
  }

  /** Ends the thread after the runs that were asked for. */
  async close(): Promise<void> {
    this.#send({ type: 'close' });
    await this.#ended;
  }

  #send(command: WorkerCommand): void {
    this.#worker.postMessage(command, []);
  }

  #receive(report: WorkerReport): void {
    if (report.type === 'opened' || report.id === undefined) return;
    const pending = this.#pending.get(report.id);
    this.#pending.delete(report.id);
    if (report.type === 'ran') pending?.resolve(fromPlain(report.outputs));
    else pending?.reject(new Error(report.message));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
