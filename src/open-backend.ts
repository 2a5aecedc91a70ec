/** What stands on the database: queue, media, job runner, services, and what one process of those on a database does for all. */
import type { Logger } from 'pino';
import type { Closable } from './close-in-order.ts';
import type { Config } from './config.ts';
import type { Database } from './db/database.ts';
import { createSecretBox, secretsKey, type SecretBox } from './db/secret-box.ts';
import type { ForkedInferenceClient } from './inference/index.ts';
import { AssetSweeper } from './jobs/asset-sweeper.ts';
import { startIntegrityWatch } from './jobs/integrity-watch.ts';
import { type JobQueue, openJobQueue } from './jobs/queue/job-queue.ts';
import { type JobRunnerOptions, startJobRunner } from './jobs/job-runner.ts';
import { LostJobSweeper } from './jobs/lost-job-sweeper.ts';
import { httpModerator } from './jobs/moderation/http-moderator.ts';
import { startDeliverer } from './jobs/webhooks/deliverer.ts';
import { LostDeliverySweeper } from './jobs/webhooks/lost-delivery-sweeper.ts';
import { sealOldSecrets } from './jobs/webhooks/seal-old-secrets.ts';
import { startDispatcher } from './jobs/webhooks/dispatcher.ts';
import { startRetention } from './jobs/retention.ts';
import { ownIdentity, readIdentity } from './media/credentials/identity.ts';
import { openMedia, type OpenMediaOptions } from './media/media.ts';
import { Metrics } from './observability/metrics.ts';
import { observed } from './observability/observed-inference.ts';
import type { Backend } from './server/backend.ts';
import { createServices } from './services/services.ts';
import { VERSION } from './version.ts';

export interface OpenBackendOptions {
  readonly config: Config;
  readonly database: Database;
  /** Undefined: jobs are left to the workers. */
  readonly model: ForkedInferenceClient | undefined;
  /** What is open, to be closed by the caller, whatever happens here: `work` before the server, `stores` behind it. Each is closed in its order. */
  readonly opened: { readonly work: Closable[]; readonly stores: Closable[] };
  readonly log: Logger;
}

/** Jobs are accepted, or taken, when it resolves. `backend`: undefined for a worker, which answers no clients. */
export async function openBackend({ config, database, model, opened, log }: OpenBackendOptions): Promise<{ readonly backend: Backend | undefined; readonly meters: Metrics }> {
  const { role } = config;
  const { work, stores } = opened;
  const queue = await openJobQueue({ database, log });
  stores.unshift({ name: 'queue', close: () => queue.close() });
  // Not while the model starts, which needs the processor more; never where no clips are made.
  const media = await openMedia({ encoders: 1, warmFrom: model?.ready() ?? new Promise(() => undefined), identity: identityOf(config), log });
  stores.unshift({ name: 'media', close: () => media.close() });
  const meters = new Metrics({ database, cache: () => model?.usage });
  if (model !== undefined) {
    const runner = startJobRunner({ database, queue, media, inference: observed(model, meters), logPrompts: config.logPrompts, concurrency: config.jobConcurrency, slots: config.maxRows, overcommit: role === 'all', version: VERSION, moderation: moderationOf(config), log });
    // Running jobs are handed back while everything is still there.
    work.unshift({ name: 'job runner', close: (ms, finishMs) => runner.stop({ graceMs: ms, finishMs }) });
  }
  if (role === 'worker') return { backend: undefined, meters };
  const secrets = createSecretBox(await secretsKey(config.dataDir, config.secretsKey));
  await sealOldSecrets(database, secrets);
  const services = createServices({ database, queue, inference: model, media, secrets, uploadLimits: config.uploads, deleteGraceSeconds: config.deleteGraceSeconds, version: VERSION, webhookAllowPrivate: config.webhookAllowPrivate, maxQueuedJobs: config.maxQueuedJobs, quota: config.limits });
  const signingKey = await database.signingKey();
  for (const each of await startKeeping(config, database, queue, secrets, meters, log)) work.unshift(each);
  return { backend: { services, signingKey }, meters };
}

/** What one process of those on a database does for all: webhooks, retention, deleted assets, what the queue has lost, the integrity check. */
async function startKeeping(config: Config, database: Database, queue: JobQueue, secrets: SecretBox, meters: Metrics, log: Logger): Promise<Closable[]> {
  await startDeliverer({ database, queue, secrets, allowPrivate: config.webhookAllowPrivate, log });
  const dispatcher = startDispatcher({ database, queue, log });
  const retention = startRetention({ database, previewRetentionMs: config.previewRetentionMs, eventRetentionMs: config.eventRetentionMs, jobRetentionMs: config.jobRetentionMs, log });
  const sweeper = new AssetSweeper({ database, graceSeconds: config.deleteGraceSeconds, log });
  const lostJobs = new LostJobSweeper({ database, queue, onPutBack: became => meters.lostJob(became), log });
  const lostDeliveries = new LostDeliverySweeper({ database, queue, onPutBack: () => meters.lostDelivery(), log });
  const watch = config.integrityCheckMs === 0 ? undefined : startIntegrityWatch({ database, everyMs: config.integrityCheckMs, log });
  return [
    { name: 'integrity', close: async () => watch?.stop() },
    { name: 'webhooks', close: () => dispatcher.stop() },
    { name: 'retention', close: () => retention.stop() },
    { name: 'sweeper', close: () => sweeper.stop() },
    { name: 'lost jobs', close: () => lostJobs.stop() },
    { name: 'lost deliveries', close: () => lostDeliveries.stop() },
  ];
}

/** Asked by the runner. */
function moderationOf({ moderation }: Config): JobRunnerOptions['moderation'] {
  return moderation === undefined ? undefined : { ...moderation, moderator: httpModerator(moderation) };
}

/** Who signs; read when the first file is. */
function identityOf({ credentials, dataDir }: Config): OpenMediaOptions['identity'] {
  if (credentials === undefined) return undefined;
  const { files } = credentials;
  return () => (files === undefined ? ownIdentity(dataDir) : readIdentity(files));
}
