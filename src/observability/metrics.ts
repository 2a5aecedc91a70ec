import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Database } from '../db/database.ts';
import { FAULTS, lastIntegrityReport } from '../db/integrity.ts';
import type { CacheUsage, GenerationTask } from '../inference/core/generation.ts';

const SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300];
const STATES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'] as const;

export interface MetricSources {
  readonly database: Database;
  /** Undefined while inference is starting or restarting. */
  readonly cache: () => CacheUsage | undefined;
}

/** How one request to the model went. */
export interface GenerationMeter {
  tokens(count: number): void;
  firstFrame(): void;
  ended(outcome: 'finished' | 'failed' | 'canceled'): void;
}

/** What `/metrics` tells. Owner: the composition root; it holds no timer but that of the event loop's delay. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tokens: Counter<'task'>;
  readonly #firstFrame: Histogram<'task'>;
  readonly #generation: Histogram<'task' | 'outcome'>;
  readonly #lostJobs: Counter<'became'>;
  readonly #lostDeliveries: Counter;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    // The process: memory, CPU time, and the delay of the event loop (nodejs_eventloop_lag_*).
    collectDefaultMetrics({ register: this.#registry });
    this.#tokens = new Counter({ name: 'cinegraph_tokens_generated_total', help: 'Tokens generated, over all candidates.', labelNames: ['task'], registers });
    this.#firstFrame = new Histogram({ name: 'cinegraph_first_frame_seconds', help: 'From the start of a run to its first decoded frame.', labelNames: ['task'], buckets: SECONDS, registers });
    this.#generation = new Histogram({ name: 'cinegraph_generation_seconds', help: 'From the start of a run to its last token and frame.', labelNames: ['task', 'outcome'], buckets: SECONDS, registers });
    this.#lostJobs = new Counter({ name: 'cinegraph_lost_jobs_total', help: 'Jobs that the queue had lost and this process found: queued again, or ended because no attempt was left.', labelNames: ['became'], registers });
    for (const became of ['queued', 'ended']) this.#lostJobs.inc({ became }, 0);
    this.#lostDeliveries = new Counter({ name: 'cinegraph_lost_deliveries_total', help: 'Deliveries of webhooks that the queue had lost and this process queued again.', registers });
    addJobs(this.#registry, sources.database);
    addIntegrity(this.#registry, sources.database);
    addCache(this.#registry, sources.cache);
  }

  /** Starts the clock of one request. */
  meter(task: GenerationTask): GenerationMeter {
    const end = this.#generation.startTimer({ task });
    const firstFrame = this.#firstFrame.startTimer({ task });
    let seen = false;
    return {
      tokens: (count) => this.#tokens.inc({ task }, count),
      firstFrame() {
        if (!seen) firstFrame();
        seen = true;
      },
      ended: (outcome) => void end({ outcome }),
    };
  }

  /** One job that the queue had lost. */
  lostJob(became: 'queued' | 'ended'): void {
    this.#lostJobs.inc({ became });
  }

  /** One webhook delivery that the queue had lost. */
  lostDelivery(): void {
    this.#lostDeliveries.inc();
  }

  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

interface JobCount {
  readonly status: string;
  readonly count: number;
  readonly speed: number;
  readonly oldest: number;
}

/** Read at each scrape, from the database: the same numbers whichever process is asked. */
function addJobs(registry: Registry, { pool }: Database): void {
  let reading: Promise<JobCount[]> | undefined;
  // The gauges of one scrape are collected together and share one statement.
  const read = async (state: string): Promise<JobCount | undefined> => {
    reading ??= pool
      .query<JobCount>(`SELECT status, count(*)::int AS count, sum(tokens_per_second) AS speed, extract(epoch FROM now() - min(created_at))::float8 AS oldest FROM job GROUP BY status`)
      .then(({ rows }) => rows)
      .finally(() => (reading = undefined));
    return (await reading).find(({ status }) => status === state);
  };
  const gauge = (name: string, help: string, state: string, value: (count: JobCount) => number): void =>
    registry.registerMetric(new Gauge({
      name,
      help,
      registers: [],
      async collect() {
        const count = await read(state);
        this.set(count === undefined ? 0 : value(count));
      },
    }));
  gauge('cinegraph_queue_depth', 'Jobs that wait.', 'QUEUED', ({ count }) => count);
  gauge('cinegraph_queue_oldest_seconds', 'How long the job that waits longest has waited.', 'QUEUED', ({ oldest }) => oldest);
  gauge('cinegraph_tokens_per_second', 'Tokens per second of the jobs that run now, together.', 'RUNNING', ({ speed }) => speed);
  registry.registerMetric(new Gauge({
    name: 'cinegraph_jobs',
    help: 'Jobs by state.',
    labelNames: ['state'],
    registers: [],
    async collect() {
      for (const state of STATES) this.set({ state }, (await read(state))?.count ?? 0);
    },
  }));
}

/** Of the last check, by whichever process; without one the gauges are not there. */
function addIntegrity(registry: Registry, { pool }: Database): void {
  registry.registerMetric(new Gauge({
    name: 'cinegraph_integrity_faults',
    help: 'What the last check of bytes and references found wrong, by kind.',
    labelNames: ['kind'],
    registers: [],
    async collect() {
      const report = await lastIntegrityReport(pool);
      for (const kind of Object.keys(FAULTS)) if (report !== undefined) this.set({ kind }, report.faults[kind as keyof typeof FAULTS] ?? 0);
    },
  }));
  registry.registerMetric(new Gauge({
    name: 'cinegraph_integrity_checked_timestamp_seconds',
    help: 'When the last check of bytes and references ended, in seconds since 1970; 0: never.',
    registers: [],
    async collect() {
      const report = await lastIntegrityReport(pool);
      this.set(report === undefined ? 0 : Date.parse(report.checkedAt) / 1000);
    },
  }));
}

function addCache(registry: Registry, usage: MetricSources['cache']): void {
  registry.registerMetric(new Gauge({
    name: 'cinegraph_sequences_waiting',
    help: 'Sequences that wait for slots of the key-value cache.',
    registers: [],
    collect() {
      this.set(usage()?.waiting ?? 0);
    },
  }));
  registry.registerMetric(new Gauge({
    name: 'cinegraph_cache_slots',
    help: 'Slots of the key-value cache.',
    labelNames: ['state'],
    registers: [],
    collect() {
      const { slots = 0, usedSlots = 0 } = usage() ?? {};
      this.set({ state: 'used' }, usedSlots);
      this.set({ state: 'free' }, slots - usedSlots);
    },
  }));
  registry.registerMetric(new Counter({
    name: 'cinegraph_prefixes_total',
    help: 'Beginnings of sequences in the cache: hit, computed before by another; miss, computed.',
    labelNames: ['result'],
    registers: [],
    collect() {
      const { prefixHits = 0, prefixMisses = 0 } = usage() ?? {};
      this.reset();
      this.inc({ result: 'hit' }, prefixHits);
      this.inc({ result: 'miss' }, prefixMisses);
    },
  }));
  registry.registerMetric(new Counter({
    name: 'cinegraph_preemptions_total',
    help: 'How often a sequence gave up its slots to another owner and went on later.',
    registers: [],
    collect() {
      this.reset();
      this.inc(usage()?.preemptions ?? 0);
    },
  }));
}
