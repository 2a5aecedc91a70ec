/** The composition root: every part of the program is made here, and closed here. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { closeInOrder, type Closable } from './close-in-order.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase } from './db/database.ts';
import { createSecretBox, secretsKey, type SecretBox } from './db/secret-box.ts';
import { withDeadline } from './deadline.ts';
import { createInferenceClient, type ForkedInferenceClient, type InferenceClient } from './inference/index.ts';
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
import { startTracing } from './observability/tracing.ts';
import type { Backend, BackendStatus, Readiness } from './server/backend.ts';
import { ensureStudioBuilt } from './server/pages/studio-build.ts';
import { startServer } from './server/server.ts';
import { startWorkerServer } from './server/worker-server.ts';
import { createServices } from './services/services.ts';
import { VERSION } from './version.ts';

export type StartStep = 'server' | 'database' | 'model';

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Called when a step of the start is done. */
  readonly onStep: (step: StartStep, detail: string) => void;
}

export interface App {
  readonly url: string;
  /** Resolves when the process does what its role says. Rejects when the model cannot be used. */
  readonly ready: Promise<void>;
  /**
   * Readiness fails, no new jobs, running jobs handed back, sockets closed with 1001, every child process ended. What does not end within
   * the configured bound is named in the log and left to the end of the process.
   */
  close(): Promise<void>;
}

const PING_MS = 2000;

/**
 * Listens first, then opens the database while the model checks itself. Resolves when jobs are accepted, or taken. Closes what was opened when
 * a step fails. Throws the codes of configuration, port, data folder and database.
 */
export async function startApp({ config, log, onStep }: AppOptions): Promise<App> {
  const { role } = config;
  const opened: Closable[] = [];
  let backend: Backend | undefined;
  let ping: (() => Promise<boolean>) | undefined;
  let metrics: BackendStatus['metrics'];
  let draining = false;
  let inference: InferenceClient | undefined;

  const status: BackendStatus = {
    get backend() {
      return draining ? undefined : backend;
    },
    get metrics() {
      return metrics;
    },
    async readiness(): Promise<Readiness> {
      if (draining) return { ready: false, reasons: ['The server is stopping.'] };
      const reasons: string[] = [];
      if (ping === undefined) reasons.push('The database is starting.');
      else if (!(await withDeadline(ping(), PING_MS, false))) reasons.push('The database does not answer.');
      // An api node answers without workers: what they will make waits.
      if (role !== 'api' && inference?.info === undefined) reasons.push('The model is starting or restarting.');
      return { ready: reasons.length === 0, reasons };
    },
  };
  const close = () => {
    draining = true;
    return closeInOrder(opened.splice(0), config.drainMs, log, config.drainJobsMs);
  };

  try {
    if (role !== 'worker') await ensureStudioBuilt(log);
    if (config.otlpEndpoint !== undefined) {
      const tracing = await startTracing({ endpoint: config.otlpEndpoint, version: VERSION });
      opened.push({ name: 'tracing', close: () => tracing.stop() });
    }
    const server = role === 'worker' ? await startWorkerServer(config, status) : await startServer(config, status, log);
    opened.push({ name: 'server', close: (ms) => server.close(ms) });
    onStep('server', server.url);

    const model = role === 'api' ? undefined : startInference(config, log);
    if (model !== undefined) opened.push({ name: 'inference', close: () => model.close() });
    inference = model;
    const ready = model?.ready();
    // Nobody waits for it yet; the caller does, through `ready`.
    ready?.catch(() => undefined);

    const database = await openDatabase({ dataDir: config.dataDir, databaseUrl: config.databaseUrl, objectStore: config.objectStore, nats: config.nats, log });
    // The database outlives all that writes to it.
    opened.push({ name: 'database', close: () => database.close() });
    const queue = await openJobQueue({ database, log });
    opened.splice(-1, 0, { name: 'queue', close: () => queue.close() });
    const media = await openMedia({ encoders: 1, identity: identityOf(config), log });
    opened.splice(-2, 0, { name: 'media', close: () => media.close() });
    const meters = new Metrics({ database, cache: () => model?.usage });
    metrics = () => meters.text();
    if (model !== undefined) {
      const runner = startJobRunner({ database, queue, media, inference: observed(model, meters), logPrompts: config.logPrompts, concurrency: config.jobConcurrency, slots: config.maxRows, overcommit: role === 'all', version: VERSION, moderation: moderationOf(config), log });
      // First of all: running jobs are handed back while everything is still there.
      opened.unshift({ name: 'job runner', close: (ms, finishMs) => runner.stop({ graceMs: ms, finishMs }) });
    }
    if (role !== 'worker') {
      const secrets = createSecretBox(await secretsKey(config.dataDir, config.secretsKey));
      await sealOldSecrets(database, secrets);
      const services = createServices({ database, queue, inference: model, media, secrets, uploadLimits: config.uploads, deleteGraceSeconds: config.deleteGraceSeconds, version: VERSION, webhookAllowPrivate: config.webhookAllowPrivate, maxQueuedJobs: config.maxQueuedJobs, quota: config.limits });
      const signingKey = await database.signingKey();
      for (const each of await startKeeping(config, database, queue, secrets, meters, log)) opened.unshift(each);
      backend = { services, signingKey };
    }
    ping = () => database.ping();
    onStep('database', database.embedded ? `Postgres ${database.serverVersion} in ${config.dataDir}` : `Postgres ${database.serverVersion}`);

    return {
      url: server.url,
      ready: Promise.resolve(ready).then((result) => {
        onStep('model', result === undefined ? 'of the workers' : `${result.bundle.name} on ${result.executionProvider} (${result.device})`);
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function startInference(config: Config, log: Logger): ForkedInferenceClient {
  return createInferenceClient({
    bundleDir: config.modelDir,
    provider: config.executionProvider,
    threads: config.inferenceThreads,
    maxRows: config.maxRows,
    positionsPerRun: config.positionsPerRun,
    precision: config.precision,
    findingsDir: join(config.dataDir, 'inference'),
    log: ({ level, message, details }) => log[level]({ part: 'inference', ...details }, message),
  });
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
