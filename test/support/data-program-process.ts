/** Everything below the server in a process of its own, on the folder of the first argument or the database of the third, with a job that does not end. To be killed. */
import pino from 'pino';
import { openDatabase } from '../../src/db/database.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { openJobQueue } from '../../src/jobs/queue/job-queue.ts';
import { startJobRunner } from '../../src/jobs/job-runner.ts';
import { openMedia } from '../../src/media/media.ts';
import { createServices } from '../../src/services/services.ts';
import { held, intercept } from './data-inference.ts';
import { TEST_SECRETS } from './secrets.ts';
import { UPLOAD_LIMITS } from './upload-limits.ts';

const log = pino({ level: 'silent' });
const [, , dataDir = '', bundleDir = '', databaseUrl] = process.argv;
const database = await openDatabase({ dataDir, databaseUrl, log });
const queue = await openJobQueue({ database, log });
const media = await openMedia({ encoders: 1, log });
const inference = intercept(createInferenceClient({ bundleDir, provider: 'cpu', threads: 1 }), (event, signal) => (event.type === 'frames' ? held(signal) : undefined));
await inference.ready();
startJobRunner({ database, queue, media, inference, concurrency: 2, log });
const services = createServices({ database, queue, inference, media, uploadLimits: UPLOAD_LIMITS, secrets: TEST_SECRETS, version: 'test', maxQueuedJobs: 10 });
const job = await services.generation.generate({ ownerId: 'ada' }, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
for await (const event of await services.jobs.events({ ownerId: 'ada' }, job.id, 0, AbortSignal.timeout(60_000))) {
  if (event.type === 'JobStarted') process.stdout.write(`${job.id}\n`);
}
