import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from '../../db/database.ts';
import type { Log } from '../../db/log.ts';
import { faultOf } from '../../db/pg-error.ts';
import type { InferenceInfo } from '../../inference/core/generation.ts';
import { forgetLostWorkers, removeWorker, reportWorker, type WorkerReport } from './worker-registry.ts';

const BEAT_MS = 2_000;

export interface PulseOptions {
  readonly database: Pick<Database, 'pool'>;
  readonly version: string;
  readonly info: () => InferenceInfo | undefined;
  readonly load: () => Pick<WorkerReport, 'slots' | 'usedSlots' | 'runningJobs'>;
  readonly log: Log;
}

/** Tells the others that this worker lives, and what it has. Owner: the job runner. */
export class WorkerPulse {
  readonly name = `${hostname()}:${process.pid}`;
  readonly #id = randomUUID();
  readonly #options: PulseOptions;
  readonly #timer: NodeJS.Timeout;
  #draining = false;
  #beat: Promise<void>;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#beat = this.#report();
    this.#timer = setInterval(() => this.now(), BEAT_MS).unref();
  }

  /** One report after the other. */
  now(): void {
    this.#beat = this.#beat.then(() => this.#report());
  }

  drain(): void {
    this.#draining = true;
    this.now();
  }

  /** Leaves the list. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beat;
    await removeWorker(this.#options.database.pool, this.#id).catch(() => {});
  }

  async #report(): Promise<void> {
    const { database: { pool }, version, info, load, log } = this.#options;
    try {
      await reportWorker(pool, { id: this.#id, name: this.name, version, draining: this.#draining, info: info() ?? null, ...load() });
      await forgetLostWorkers(pool);
    } catch (error) {
      log.debug(faultOf(error), 'the worker cannot be reported');
    }
  }
}
