/** Jobs and followers on a fleet that is beaten. What must hold in the end is said once here, for the test suite and for bench/chaos.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createCinegraphClient, type CinegraphClient, type JobEvent } from '../../../src/client/index.ts';
import { between, seeded } from '../seeded.ts';
import { runProgram } from '../server.ts';
import { dealBlows } from './blows.ts';
import { startFleet, type Fleet } from './fleet.ts';
import { faultsOf } from './verdict.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly jobs: number;
  readonly apis: number;
  readonly workers: number;
  /** Bytes in an S3 bucket, news over NATS, and blows for both. */
  readonly beside?: boolean;
  /** Blows are dealt until the jobs have ended, for this long at most, ms. */
  readonly beatMs: number;
  /** Between two blows, ms. */
  readonly pauseMs: readonly [number, number];
  /** The jobs are begun evenly over this time, so that there is work as long as there are blows, ms. Left out: as soon as there is room. */
  readonly spreadMs?: number;
  /** By when every job must have ended, ms from the start. */
  readonly deadlineMs: number;
  readonly onProgress?: (text: string) => void;
}

export interface ChaosReport {
  /** Empty when all is well. */
  readonly faults: readonly string[];
  readonly blows: ReadonlyMap<string, number>;
  /** Jobs by how they ended. */
  readonly ends: ReadonlyMap<string, number>;
  readonly events: number;
  readonly seconds: number;
}

/** Jobs that are under way at once. */
const AT_ONCE = 24;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, jobs, apis, workers, beside = false, beatMs, pauseMs, spreadMs = 0, deadlineMs, onProgress } = options;
  const random = seeded(seed);
  const fleet = await startFleet({ apis, workers, beside, env: { DRAIN_JOBS_SECONDS: '2' } });
  await using _fleet = fleet;
  const started = performance.now();
  const deadline = AbortSignal.timeout(deadlineMs);
  const [ends, faults] = [new Map<string, number>(), [] as string[]];
  let events = 0;

  const done = new AbortController();
  const beaten = setTimeout(() => done.abort(), beatMs);
  const blows = dealBlows(fleet, seeded(seed + 1), done.signal, pauseMs);
  let next = 0;
  const follow = async (): Promise<void> => {
    while (next < jobs && !deadline.aborted) {
      const number = next++;
      await sleep(Math.max(0, started + (number * spreadMs) / jobs - performance.now()));
      const seen = await oneJob(fleet, random, `${seed}-${number}`, deadline).catch((error: unknown) => [String(error)] as const);
      const last = seen.at(-1);
      if (typeof last !== 'object' || last.__typename !== 'JobFinished') {
        faults.push(`job ${number} was not followed to its end: ${typeof last === 'string' ? last : JSON.stringify(last)}`);
        continue;
      }
      const gap = seen.findIndex((event, index) => (event as JobEvent).seq !== index + 1);
      if (gap !== -1) faults.push(`the follower of job ${number} saw ${JSON.stringify((seen as JobEvent[]).map((event) => event.seq))}`);
      if (seen.length !== last.job.lastSeq) faults.push(`the follower of job ${number} saw ${seen.length} of ${last.job.lastSeq} events`);
      ends.set(last.job.status, (ends.get(last.job.status) ?? 0) + 1);
      events += seen.length;
      onProgress?.(`${[...ends].map(([status, count]) => `${count} ${status}`).join(', ')} of ${jobs}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, jobs) }, follow));
  clearTimeout(beaten);
  done.abort();
  const dealt = await blows;
  faults.push(...(await faultsOf(fleet.databaseUrl)));
  const check = await runProgram('src/cli/check.ts', [], fleet.env);
  if (check.code !== 0) faults.push(`the integrity check: ${check.stdout}${check.stderr}`);
  const total = [...ends.values()].reduce((sum, count) => sum + count, 0);
  if (total !== jobs) faults.push(`${total} of ${jobs} jobs ended`);
  // Whatever failed did so by the blows, and said so.
  if (faults.length > 0) for (const member of [...fleet.apis, ...fleet.workers]) onProgress?.(`--- ${member.name}\n${member.output().split('\n').slice(-40).join('\n')}`);
  return { faults, blows: dealt, ends, events, seconds: (performance.now() - started) / 1000 };
}

/** Makes a job at one of the api processes and follows it, through whatever happens, to its end. A few are canceled on the way. */
async function oneJob(fleet: Fleet, random: () => number, key: string, signal: AbortSignal): Promise<readonly JobEvent[]> {
  const client = createCinegraphClient({ url: (fleet.apis[between(random, 0, fleet.apis.length - 1)] as Fleet['apis'][number]).url, timeoutMs: 10_000 });
  const input = inputOf(random);
  const cancelAt = random() < 0.1 ? between(random, 2, 12) : undefined;
  const { id } = await insist(() => (input.still ? client.textToImage({ ...input.fields, idempotencyKey: key }) : client.textToVideo({ ...input.fields, durationMs: input.durationMs, idempotencyKey: key })), signal);
  const seen: JobEvent[] = [];
  for await (const event of client.watchJob(id, { signal, giveUpAfterMs: 600_000 })) {
    seen.push(event);
    if (event.seq === cancelAt) void cancel(client, id);
  }
  return seen;
}

function inputOf(random: () => number) {
  const fields = { prompt: 'a fox bounces on a red background', seed: between(random, 0, 1000), candidates: between(random, 1, 2), sampling: { guidance: random() < 0.5 ? 1 : 3 } };
  // Some are long: several windows, and a checkpoint between them.
  return { fields, still: random() < 0.3, durationMs: random() < 0.2 ? 10_000 : 2_000 };
}

/** Asks again while the server is away; the key makes it the same job. */
async function insist<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || (error as { retryable?: boolean }).retryable === false) throw error;
      await sleep(300);
    }
  }
}

/** The job may have ended meanwhile, and the server may be away: then it is not canceled. */
async function cancel(client: CinegraphClient, id: string): Promise<void> {
  await client.cancel(id).catch(() => undefined);
}
