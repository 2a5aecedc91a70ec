import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { openJobQueue } from '../../src/jobs/queue/job-queue.ts';
import { startJobRunner } from '../../src/jobs/job-runner.ts';
import { openMedia } from '../../src/media/media.ts';
import { createServices } from '../../src/services/services.ts';
import { ADA, collectEvents, openDataStack, silent as log } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { UPLOAD_LIMITS } from '../support/upload-limits.ts';

const PROGRAM = fileURLToPath(new URL('../support/data-program-process.ts', import.meta.url));

it('finishes, after a restart, the job of a program that was killed, with one asset and no gap', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cinegraph-recovery-'));
  const child = spawn(process.execPath, [PROGRAM, dataDir, TINY_BUNDLE], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
  const jobId = line.toString().trim();
  child.kill('SIGKILL');
  await once(child, 'exit');

  const database = await openDatabase({ dataDir, log });
  const queue = await openJobQueue({ database, log });
  const media = await openMedia({ encoders: 1, log });
  const inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  const services = createServices({ database, queue, inference, media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs: 10 });
  expect(await services.jobs.byIds(ADA, [jobId])).toMatchObject([{ status: 'RUNNING', attempt: 1 }]);
  const runner = startJobRunner({ database, queue, media, inference, concurrency: 2, log });
  const events = await collectEvents(services, jobId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(await services.jobs.byIds(ADA, [jobId])).toMatchObject([{ status: 'SUCCEEDED', attempt: 2 }]);
  expect((await services.assets.byJobIds(ADA, [jobId]))[0]).toHaveLength(1);

  await runner.stop({ graceMs: 5_000 });
  await inference.close();
  await media.close();
  await queue.close();
  await database.close();
  await rm(dataDir, { recursive: true, force: true });
}, 180_000);

it('finishes, with a shared database, the job of another program that was killed', async () => {
  const inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  const stack = await openDataStack({ inference });
  const child = spawn(process.execPath, [PROGRAM, '/nowhere', TINY_BUNDLE, stack.database.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
  const jobId = line.toString().trim();
  await stack.startRunner();
  child.kill('SIGKILL');
  // Its lease runs out (10 s without a sign of life), then the runner here is given the job.
  const events = await collectEvents(stack.services, jobId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(await stack.services.jobs.byIds(ADA, [jobId])).toMatchObject([{ status: 'SUCCEEDED', attempt: 2 }]);
  expect((await stack.services.assets.byJobIds(ADA, [jobId]))[0]).toHaveLength(1);
  await stack[Symbol.asyncDispose]();
  await inference.close();
}, 180_000);
