/**
 * The composition root: every part of the program is made here, and closed here. What other processes do is begun first and beside it the modules are loaded that
 * answer requests: they are 1,500 files, which takes as long as the model takes to check itself.
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { closeInOrder, type Closable } from './close-in-order.ts';
import type { Config } from './config.ts';
import { withDeadline } from './deadline.ts';
import { createInferenceClient, type ForkedInferenceClient } from './inference/index.ts';
import type { Backend, BackendStatus, Readiness } from './server/backend.ts';
import { requirePort } from './server/listen.ts';
import type { RunningServer } from './server/server.ts';
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
 * Listens while the database opens and the model checks itself. Resolves when jobs are accepted, or taken. Closes what was opened when
 * a step fails. Throws the codes of configuration, port, data folder and database.
 */
export async function startApp({ config, log, onStep }: AppOptions): Promise<App> {
  const { role } = config;
  /** Closed one list after the other, each from its beginning. */
  const opened: Readonly<Record<'work' | 'doors' | 'stores', Closable[]>> = { work: [], doors: [], stores: [] };
  let backend: Backend | undefined;
  let ping: (() => Promise<boolean>) | undefined;
  let metrics: BackendStatus['metrics'];
  let draining = false;
  let inference: ForkedInferenceClient | undefined;

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
    return closeInOrder([opened.work, opened.doors, opened.stores].flatMap((parts) => parts.splice(0)), config.drainMs, log, config.drainJobsMs);
  };

  await requirePort(config);
  try {
    const model = role === 'api' ? undefined : startInference(config, log);
    if (model !== undefined) opened.doors.unshift({ name: 'inference', close: () => model.close() });
    inference = model;
    const ready = model?.ready();
    // Nobody waits for it yet; the caller does, through `ready`.
    ready?.catch(() => undefined);
    const { openDatabase } = await import('./db/database.ts');
    const opening = openDatabase({ dataDir: config.dataDir, databaseUrl: config.databaseUrl, objectStore: config.objectStore, nats: config.nats, log });
    // As above.
    opening.catch(() => undefined);
    // Everything else is closed before it. It may still be opening then.
    opened.stores.push({ name: 'database', close: async () => await (await opening.catch(() => undefined))?.close() });

    await startTracing(config, opened.doors);
    const server = await startServing(config, status, log);
    opened.doors.unshift({ name: 'server', close: (ms) => server.close(ms) });
    onStep('server', server.url);

    const { openBackend } = await import('./open-backend.ts');
    const database = await opening;
    const open = await openBackend({ config, database, model, opened, log });
    backend = open.backend;
    metrics = () => open.meters.text();
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

async function startTracing({ otlpEndpoint }: Config, opened: Closable[]): Promise<void> {
  if (otlpEndpoint === undefined) return;
  const module = await import('./observability/tracing.ts');
  const tracing = await module.startTracing({ endpoint: otlpEndpoint, version: VERSION });
  opened.unshift({ name: 'tracing', close: () => tracing.stop() });
}

async function startServing(config: Config, status: BackendStatus, log: Logger): Promise<Pick<RunningServer, 'url' | 'close'>> {
  if (config.role === 'worker') return await (await import('./server/worker-server.ts')).startWorkerServer(config, status);
  const { ensureStudioBuilt } = await import('./server/pages/studio-build.ts');
  await ensureStudioBuilt(log);
  const { startServer } = await import('./server/server.ts');
  return await startServer(config, status, log);
}
