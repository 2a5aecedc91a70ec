import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { CinegraphError } from '../errors.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import type { ObjectStore, ObjectStoreOptions } from './blobs/object-store.ts';
import { PostgresBlobStore } from './blobs/postgres-blob-store.ts';
import { PostgresUploadStore } from './blobs/postgres-upload-store.ts';
import { S3BlobStore } from './blobs/s3-blob-store.ts';
import { S3UploadStore } from './blobs/s3-upload-store.ts';
import type { UploadStore } from './blobs/upload-store.ts';
import { EmbeddedPostgres } from './embedded/embedded-postgres.ts';
import type { FrameBus } from './bus/frame-bus.ts';
import type { Log } from './log.ts';
import { migrate } from './migrate.ts';
import { asCinegraphError, faultOf } from './pg-error.ts';
import type { NatsOptions } from './bus/nats-frame-bus.ts';
import { PostgresFrameBus } from './bus/postgres-frame-bus.ts';

/** Connections of each pool (Prisma's and the one for bytes and events). */
const POOL_SIZE = 10;
const CONNECT_DEADLINE_MS = 5_000;
/** No statement of ours is allowed to take longer, in ms. */
const STATEMENT_DEADLINE_MS = 30_000;

export interface OpenDatabaseOptions {
  /** Folder of the embedded Postgres; unused with databaseUrl. */
  readonly dataDir: string;
  /** A Postgres of version 15 or newer, instead of the embedded one. */
  readonly databaseUrl?: string | undefined;
  /** A bucket for the bytes, instead of the database. */
  readonly objectStore?: ObjectStoreOptions | undefined;
  /** A NATS server that tells the other processes of news, instead of NOTIFY. */
  readonly nats?: NatsOptions | undefined;
  readonly log: Log;
}

/** Everything that speaks to Postgres. Owner: the composition root, which closes it last. */
export interface Database {
  readonly prisma: PrismaClient;
  /** For bytes, events and whatever Prisma cannot say. */
  readonly pool: pg.Pool;
  readonly bus: FrameBus;
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  readonly url: string;
  /** True: we started Postgres, and the lock of its folder proves that no other Cinegraph uses it. */
  readonly embedded: boolean;
  readonly serverVersion: string;
  /** 32 bytes that sign URLs; made at the first call and kept in the database. */
  signingKey(): Promise<Buffer>;
  /** Whether the database answers within the time, in ms. Never throws. */
  ping(timeoutMs?: number): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Opens the database and brings it to the newest migration.
 * Throws DATA_DIR_LOCKED, DATA_DIR_NOT_WRITABLE, STORAGE_FULL, DATABASE_UNAVAILABLE or BUS_UNAVAILABLE.
 */
export async function openDatabase({ dataDir, databaseUrl, objectStore, nats, log }: OpenDatabaseOptions): Promise<Database> {
  const opened: { close(): Promise<void> }[] = [];
  const closeAll = async (): Promise<void> => {
    for (const each of opened.splice(0).reverse()) await each.close();
  };
  try {
    const embedded = databaseUrl === undefined ? await EmbeddedPostgres.start({ dataDir, log }) : undefined;
    if (embedded !== undefined) {
      opened.push(embedded);
      await embedded.ensureDatabase('cinegraph');
    }
    const url = databaseUrl ?? embedded?.url('cinegraph') ?? '';
    const { serverVersion } = await migrate(url, { log });
    const pool = openPool(url, log);
    opened.push({ close: () => pool.end() });
    const prismaPool = openPool(url, log);
    opened.push({ close: () => prismaPool.end() });
    const prisma = await openPrisma(prismaPool);
    opened.push({ close: () => prisma.$disconnect() });
    const bus = nats === undefined ? await PostgresFrameBus.open(url, log) : await openNats(nats, log);
    opened.push(bus);
    const objects = await openObjects(objectStore);
    if (objects !== undefined) opened.push({ close: async () => objects.close() });
    return {
      prisma, pool, bus, url, serverVersion,
      embedded: embedded !== undefined,
      ...stores(pool, objects),
      signingKey: () => signingKey(pool),
      ping: timeoutMs => ping(pool, timeoutMs),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw notOpened(error, databaseUrl);
  }
}

/** Why there is no database, and where it was looked for: never with the password that the URL may hold. */
function notOpened(error: unknown, databaseUrl: string | undefined): CinegraphError {
  if (error instanceof CinegraphError) return error;
  const { code, message } = faultOf(error);
  const seen = asCinegraphError(error);
  if (seen instanceof CinegraphError && (databaseUrl === undefined || seen.code !== 'DATABASE_UNAVAILABLE')) return seen;
  const where = databaseUrl === undefined ? 'The database' : `The database of DATABASE_URL, ${placeOf(databaseUrl)},`;
  return new CinegraphError('DATABASE_UNAVAILABLE', `${where} cannot be opened: ${message === '' ? code : message}`, { cause: error });
}

/** `db.example:5432/cinegraph` */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'which is not a URL';
  const { host, pathname, searchParams } = new URL(url);
  return `${host === '' ? (searchParams.get('host') ?? 'localhost') : host}${pathname}`;
}

/** Loaded late: a cluster that is to be made has begun by then. */
async function openPrisma(pool: pg.Pool): Promise<PrismaClient> {
  const [{ PrismaClient }, { PrismaPg }] = await Promise.all([import('../generated/prisma/client.ts'), import('@prisma/adapter-pg')]);
  return new PrismaClient({ adapter: new PrismaPg(pool) });
}

/** As for the store. */
async function openNats(options: NatsOptions, log: Log): Promise<FrameBus> {
  const { NatsFrameBus } = await import('./bus/nats-frame-bus.ts');
  return await NatsFrameBus.open(options, log);
}

/** Loaded late: few installations need the client of the store, and it takes its time. */
async function openObjects(options: ObjectStoreOptions | undefined): Promise<ObjectStore | undefined> {
  if (options === undefined) return undefined;
  const module = await import('./blobs/object-store.ts');
  return new module.ObjectStore(options);
}

function stores(pool: pg.Pool, objects: ObjectStore | undefined): Pick<Database, 'blobs' | 'uploads'> {
  if (objects === undefined) return { blobs: new PostgresBlobStore(pool), uploads: new PostgresUploadStore(pool) };
  return { blobs: new S3BlobStore(pool, objects), uploads: new S3UploadStore(pool, objects) };
}

function openPool(url: string, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    application_name: 'cinegraph',
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    query_timeout: STATEMENT_DEADLINE_MS,
    keepAlive: true,
  });
  // One that is in use breaks between two statements, too: the next statement says so. Without a listener the process would end.
  pool.on('connect', client => client.on('error', () => {}));
  // An idle connection that breaks must not end the process; the next statement opens a new one.
  pool.on('error', error => {
    if (!pool.ending) log.warn(faultOf(error), 'an idle database connection broke');
  });
  return pool;
}

async function signingKey(pool: pg.Pool): Promise<Buffer> {
  const { rows } = await pool.query<{ value: string }>(
    `INSERT INTO setting (key, value) VALUES ('url-signing-key', $1) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING value`,
    [randomBytes(32).toString('base64')],
  );
  return Buffer.from(rows[0]?.value ?? '', 'base64');
}

async function ping(pool: pg.Pool, timeoutMs = 1_000): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>(resolve => (timer = setTimeout(resolve, timeoutMs, false)));
  try {
    return await Promise.race([pool.query('SELECT 1').then(() => true, () => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
