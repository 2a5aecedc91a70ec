/** Everything below the server, for tests: a real database, the real queue, encoders and runner. Inference is the caller's. */
import pino from 'pino';
import type { ObjectStoreOptions } from '../../src/db/blobs/object-store.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { type JobQueue, openJobQueue } from '../../src/jobs/queue/job-queue.ts';
import { type JobRunner, type JobRunnerOptions, startJobRunner } from '../../src/jobs/job-runner.ts';
import { type Media, openMedia, type OpenMediaOptions } from '../../src/media/media.ts';
import type { JobEventRecord, Services, Viewer } from '../../src/services/contract.ts';
import { NO_QUOTA, type Quota } from '../../src/services/access/quota.ts';
import { createServices } from '../../src/services/services.ts';
import { createTestDatabase } from './postgres.ts';
import { TEST_SECRETS } from './secrets.ts';
import { UPLOAD_LIMITS } from './upload-limits.ts';

export const ADA: Viewer = { ownerId: 'ada' };
export const BOB: Viewer = { ownerId: 'bob' };
export const silent = pino({ level: 'silent' });

export interface DataStack extends AsyncDisposable {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly media: Media;
  readonly services: Services;
  startRunner(moderation?: JobRunnerOptions['moderation']): Promise<JobRunner>;
}

export interface DataStackOptions {
  readonly inference: InferenceClient;
  readonly maxQueuedJobs?: number;
  readonly quota?: Quota;
  readonly concurrency?: number;
  /** How long a cancel waits for the run; a minute. */
  readonly cancelGraceMs?: number;
  readonly webhookAllowPrivate?: boolean;
  readonly objectStore?: ObjectStoreOptions | undefined;
  /** Who signs downloads; nobody when left out. */
  readonly identity?: OpenMediaOptions['identity'];
}

export async function openDataStack({ inference, maxQueuedJobs = 200, quota = NO_QUOTA, concurrency = 4, cancelGraceMs = 60_000, webhookAllowPrivate = false, objectStore, identity }: DataStackOptions): Promise<DataStack> {
  const test = await createTestDatabase();
  const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, objectStore, log: silent });
  const queue = await openJobQueue({ database, log: silent });
  const media = await openMedia({ encoders: 1, identity, log: silent });
  const runners: JobRunner[] = [];
  return {
    database, queue, media,
    services: createServices({ database, queue, inference, media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs, quota, cancelGraceMs, webhookAllowPrivate }),
    async startRunner(moderation) {
      const runner = startJobRunner({ database, queue, media, inference, concurrency, moderation, log: silent });
      runners.push(runner);
      return runner;
    },
    async [Symbol.asyncDispose]() {
      for (const runner of runners) await runner.stop({ graceMs: 5_000 });
      await media.close();
      await queue.close();
      await database.close();
      await test.close();
    },
  };
}

/** All events of a job until it has ended. */
export async function collectEvents(services: Services, jobId: string, afterSeq = 0, viewer: Viewer = ADA): Promise<JobEventRecord[]> {
  return Array.fromAsync(await services.jobs.events(viewer, jobId, afterSeq, AbortSignal.timeout(240_000)));
}

/** The first event that passes, from an own subscription. */
export async function nextEvent(services: Services, jobId: string, test: (event: JobEventRecord) => boolean): Promise<JobEventRecord> {
  for await (const event of await services.jobs.events(ADA, jobId, 0, AbortSignal.timeout(240_000))) {
    if (test(event)) return event;
  }
  throw new Error('the job ended without such an event');
}
