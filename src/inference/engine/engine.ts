/** The engine: one loop over all running sequences. Owner of the cache and of the sequences' lives; the model belongs to the caller. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CinegraphError } from '../../errors.ts';
import type { CacheUsage } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Sequence } from '../core/sequence.ts';
import { openCaches, type Caches } from '../kv-cache/caches.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { pairedRows, Scheduler, type StepPlan } from '../scheduler/scheduler.ts';
import { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoGrid } from '../tokenizers/video-grid.ts';
import type { Invariance } from './batch-invariance.ts';
import { CodeDrawer } from './code-drawer.ts';
import { JacobiDecoder } from './jacobi-decoder.ts';
import { StepRunner, type Drawn } from './step-runner.ts';
import { Wake } from './wake.ts';

/** With what `findInvariance` found. */
export interface EngineOptions extends Invariance {
  /** Cache slots, and the most rows of one step; an odd number is taken as the even one above. */
  readonly maxRows: number;
  /** Sequences that may wait for slots. */
  readonly maxWaiting: number;
  /** How long newcomers' prefills may hold up the running sequences between two of their steps, ms; a single one may take longer. Default 20. */
  readonly maxPauseMs?: number;
  /** Memory for prefixes that several sequences begin with. Default: as much as the slots take. */
  readonly prefixBytes?: number;
  /** What `findAheadInvariance` found: deterministic sequences may share runs of several positions. Default: no. */
  readonly aheadInvariant?: boolean;
  /** Positions of a clip that one run draws at most, where the bundle and the provider can; the clip is the same. Default 1: steps draw one of each sequence. */
  readonly positionsPerRun?: number;
}

const MAX_PAUSE_MS = 20;
/** A shared step's padding lies in a slot that nobody owns. */
const SPARE_SLOTS = 1;

export class Engine {
  readonly maxRows: number;
  readonly #scheduler: Scheduler;
  readonly #caches: Caches;
  readonly #runner: StepRunner;
  readonly #work = new Wake();
  readonly #idle = new Set<() => void>();
  /** Whom to tell when a sequence moved or ended. */
  readonly #watchers = new Map<Sequence, Wake>();
  #closed = false;
  readonly #loop: Promise<void>;

  constructor(model: LanguageModel, manifest: Manifest, options: EngineOptions) {
    const { maxRows, maxWaiting, maxPauseMs = MAX_PAUSE_MS, batchInvariant, headInvariant, prefixBytes, positionsPerRun = 1, aheadInvariant = false } = options;
    this.maxRows = pairedRows(maxRows);
    const slots = this.maxRows + SPARE_SLOTS;
    const caches = openCaches({ slots, spare: SPARE_SLOTS, ...model.rowShape }, { batchInvariant, prefixBytes, device: model.deviceRows(slots) });
    this.#caches = caches;
    const { outputSize, rows } = manifest.languageModel;
    const widest = Math.max(outputSize, rows.text.size + 1, manifest.audio?.codebookSize ?? 0);
    const grid = new VideoGrid(manifest);
    const layout = new TokenLayout(manifest);
    const drawer = new CodeDrawer(widest);
    const jacobi = positionsPerRun > 1 && model.runsAhead ? new JacobiDecoder({ model, caches, layout, grid, drawer, positions: positionsPerRun }) : undefined;
    const ahead = jacobi === undefined ? undefined : { takes: (sequence: Sequence) => jacobi.takes(sequence), rows: jacobi.rowsAhead, invariant: aheadInvariant };
    this.#scheduler = new Scheduler(caches, { maxWaiting, batchInvariant, maxPauseMs, ahead });
    this.#runner = new StepRunner(model, caches, layout, { headInvariant, subCodes: manifest.video.subCodebooks[1], drawer, jacobi });
    this.#loop = this.#run();
  }

  /** Sequences that wait for slots. */
  get waiting(): number {
    return this.#scheduler.waiting;
  }

  /** Sequences that own slots. */
  get running(): number {
    return this.#scheduler.running;
  }

  /** Sequences whose readers have not left. */
  get watched(): number {
    return this.#watchers.size;
  }

  get usage(): CacheUsage {
    const { slots, staged, prefixes } = this.#caches;
    const { hits, misses } = prefixes.counts;
    return {
      slots: this.maxRows,
      usedSlots: this.maxRows - slots.table.free,
      waiting: this.waiting,
      stagedRows: staged.rows,
      prefixRows: prefixes.size,
      prefixHits: hits,
      prefixMisses: misses,
      preemptions: this.#scheduler.preemptions,
    };
  }

  /**
   * Runs the candidates of one request to their end. Yields each time at least one of them moved since the last yield; read their `done`
   * and `codes`. Leaving the loop or aborting cancels them within one step. Throws CANCELED, QUEUE_FULL, or what a step threw.
   */
  async *generate(sequences: readonly Sequence[], signal: AbortSignal): AsyncGenerator<void> {
    const progress = new Wake();
    const abort = (): void => progress.wake();
    signal.addEventListener('abort', abort);
    try {
      this.#scheduler.add(sequences);
      for (const sequence of sequences) this.#watchers.set(sequence, progress);
      this.#work.wake();
      for (let live = true; live; ) {
        await progress.wait();
        throwIfOver(sequences, signal);
        live = sequences.some((sequence) => !sequence.ended);
        yield;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      this.#cancel(sequences);
    }
  }

  /** Resolves when no sequence waits or runs and every slot is free. */
  async idle(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#idle.add(resolve);
      this.#work.wake();
    });
  }

  checkIntegrity(): void {
    this.#scheduler.checkIntegrity();
  }

  /** Ends the loop after the running step; open requests fail with INFERENCE_UNAVAILABLE. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#work.wake();
    await this.#loop;
    for (const sequence of this.#watchers.keys()) this.#end(sequence, new CinegraphError('INFERENCE_UNAVAILABLE'));
    await this.#caches.slots.close();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (await this.#step()) {
        // Messages and timers get in between two steps: that is how a cancel arrives.
        await nextTurn();
      } else {
        for (const resolve of this.#idle) resolve();
        this.#idle.clear();
        await this.#work.wait();
      }
    }
  }

  /** schedule, run, postprocess. False when there was nothing to do. */
  async #step(): Promise<boolean> {
    const plan = this.#scheduler.schedule();
    if (plan === undefined) return false;
    const sequences = sequencesOf(plan);
    const startedAt = performance.now();
    try {
      const drawn = await this.#runner.run(plan);
      this.#scheduler.ran(plan, performance.now() - startedAt);
      this.#postprocess(sequences, drawn);
    } catch (error) {
      for (const sequence of sequences) this.#end(sequence, error);
    }
    return true;
  }

  /** Appends what was drawn. A sequence canceled during the run keeps its state: the scheduler retires it next. */
  #postprocess(sequences: readonly Sequence[], drawn: readonly Drawn[]): void {
    for (const sequence of sequences) if (sequence.status === 'prefill' && this.#caches.staged.count(sequence) === 0) sequence.status = 'decode';
    for (const { sequence, code } of drawn) {
      if (sequence.ended) continue;
      if (sequence.append(code)) sequence.status = 'finished';
    }
    for (const sequence of sequences) this.#watchers.get(sequence)?.wake();
  }

  #end(sequence: Sequence, failure: unknown): void {
    if (sequence.ended) return;
    sequence.status = 'failed';
    sequence.failure = failure;
    this.#watchers.get(sequence)?.wake();
  }

  #cancel(sequences: readonly Sequence[]): void {
    for (const sequence of sequences) {
      this.#watchers.delete(sequence);
      if (!sequence.ended) sequence.status = 'canceled';
    }
    this.#work.wake();
  }
}

function sequencesOf(plan: StepPlan): readonly Sequence[] {
  switch (plan.type) {
    case 'prefill':
      return [plan.sequence];
    case 'decode':
      return plan.sequences;
    case 'ahead':
      return plan.turns.map(({ sequence }) => sequence);
  }
}

function throwIfOver(sequences: readonly Sequence[], signal: AbortSignal): void {
  if (signal.aborted) throw new CinegraphError('CANCELED');
  const failed = sequences.find((sequence) => sequence.status === 'failed');
  if (failed !== undefined) throw failed.failure;
}
