import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { NatsFrameBus } from '../../db/bus/nats-frame-bus.ts';
import { openDatabase } from '../../db/database.ts';
import { CinegraphError } from '../../errors.ts';
import { createInferenceClient, listKept } from '../../inference/index.ts';
import { wayOut } from '../../ways-out.ts';
import { broken, note, ok, type Check } from './check.ts';

const silent = pino({ level: 'silent' });

/** Opens the database as a start would. A data folder that is not there yet is tried in a temporary one. */
export const database: Check = {
  name: 'Database',
  async run({ dataDir, databaseUrl }) {
    const fresh = databaseUrl === undefined && !existsSync(join(dataDir, 'postgres')) ? await mkdtemp(join(tmpdir(), 'cinegraph-doctor-')) : null;
    try {
      const opened = await openDatabase({ dataDir: fresh ?? dataDir, databaseUrl, log: silent });
      const text = `Postgres ${opened.serverVersion}, ${opened.embedded ? 'embedded' : 'external'}`;
      await opened.close();
      return ok(text);
    } catch (error) {
      if (!(error instanceof CinegraphError)) throw error;
      if (error.code === 'DATA_DIR_LOCKED') return note('the data folder is in use by a Cinegraph that runs', 'Nothing to do if it is meant to run.');
      return broken(`${error.code}: ${error.message}`, databaseUrl === undefined ? (EMBEDDED_FIXES[error.code] ?? EMBEDDED_FIX) : 'Check DATABASE_URL, and that the server runs and lets you in.');
    } finally {
      if (fresh !== null) await rm(fresh, { recursive: true, force: true });
    }
  },
};

/** Asks the bucket, as a start with it would. */
export const bucket: Check = {
  name: 'Bucket',
  async run({ objectStore }) {
    if (objectStore === undefined) return ok('none; the database keeps the bytes');
    const { ObjectStore } = await import('../../db/blobs/object-store.ts');
    const store = new ObjectStore(objectStore);
    const where = `${objectStore.bucket} at ${objectStore.endpoint}`;
    try {
      await store.probe();
      return ok(where);
    } catch (error) {
      return broken(`${where}: ${faultOfStore(error)}`, 'Check the S3_ variables, that the bucket exists, and that its key may read, write, list and delete.');
    } finally {
      store.close();
    }
  },
};

/** S3's own names of faults do not always say more than `UnknownError`: the status of its answer does. */
function faultOfStore(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  return `${error.message || error.name}${status === undefined ? '' : ` (HTTP ${status})`}`;
}

export const bus: Check = {
  name: 'Bus',
  async run({ nats }) {
    if (nats === undefined) return ok('none; the database carries the news');
    try {
      await (await NatsFrameBus.open(nats, silent)).close();
      return ok('NATS answers');
    } catch (error) {
      if (!(error instanceof CinegraphError)) throw error;
      return broken(`${error.code}: ${error.message}`, 'Check NATS_URL, and that the server runs and lets you in.');
    }
  },
};

/** Starts the inference process: it verifies the bundle's digests and runs its self-check. */
export const model: Check = {
  name: 'Model',
  async run({ modelDir, executionProvider, inferenceThreads, maxRows }) {
    const inference = createInferenceClient({ bundleDir: modelDir, provider: executionProvider, threads: inferenceThreads, maxRows });
    try {
      const info = await inference.ready();
      const text = `${info.bundle.name} (${info.bundle.digest.slice(0, 12)}) on ${info.executionProvider}, ${info.device}; self-check ${Math.round(info.selfCheckMs)} ms`;
      return info.providerNotes.length === 0 ? ok(text) : note(text, info.providerNotes.join('\n'));
    } catch (error) {
      if (!(error instanceof CinegraphError)) throw error;
      return broken(`${error.code}: ${error.message}`, wayOut(error.code) ?? 'Run `npm start` with LOG_LEVEL=debug and look at the log.');
    } finally {
      await inference.close();
    }
  },
};

/** What starts have found out about this machine and the next one takes as it is. The check of the model above takes nothing. */
export const findings: Check = {
  name: 'Kept findings',
  async run({ dataDir }) {
    const folder = join(dataDir, 'inference');
    const kept = await listKept(folder);
    if (kept.length === 0) return ok('nothing; the first start tries, measures and proves');
    const lines = kept.map(({ name, found }) => `${name}: ${found === undefined ? 'damaged' : Object.entries(found).map(([key, value]) => `${key} ${typeof value === 'boolean' ? value : JSON.stringify(value)}`).join(', ')}`);
    const text = [`kept in ${folder}, each file as long as bundle, library and machine are the same`, ...lines].join('\n');
    return kept.every(({ found }) => found !== undefined) ? ok(text) : note(text, 'Nothing to do: the next start finds out anew what is damaged.');
  },
};

const EMBEDDED_FIX = 'Run `npm install` again, with optional dependencies: they bring Postgres.';

const EMBEDDED_FIXES: Partial<Record<string, string>> = {
  DATA_DIR_NOT_WRITABLE: 'See the data folder, above.',
  STORAGE_FULL: 'See the disk space, above.',
};
