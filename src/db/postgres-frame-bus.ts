import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import type { BusListener, BusMessage, FrameBus } from './frame-bus.ts';
import type { Log } from './log.ts';
import { faultOf } from './pg-error.ts';

const CHANNEL = 'cinegraph_bus';
const RECONNECT_MS = [50, 100, 250, 500, 1000, 2000] as const;
/** The connection is asked for a sign of life this often; one that does not answer within the same time is replaced. */
const HEARTBEAT_MS = 10_000;
/** Undelivered pointers kept while Postgres is away: the newest of each job. More jobs than this and all are told to re-read. */
const MOST_PENDING = 1000;

const message = z.union([
  z.object({ from: z.string(), type: z.literal('event'), job: z.string(), seq: z.number().int(), owner: z.string().optional() }),
  z.object({ from: z.string(), type: z.literal('cancel'), job: z.string() }),
  z.object({ from: z.string(), type: z.literal('revoked'), key: z.string() }),
]);

/**
 * {@link FrameBus} over LISTEN/NOTIFY on one connection of its own. NOTIFY takes a lock over the whole database until its transaction
 * ends, so it never runs inside a job's transaction. Our own messages are dispatched from memory and skipped when they come back.
 */
export class PostgresFrameBus implements FrameBus {
  readonly #url: string;
  readonly #log: Log;
  readonly #from = randomUUID();
  readonly #listeners = new Set<BusListener>();
  /** Key: type and job, or key. Messages that wait for the connection. */
  readonly #pending = new Map<string, BusMessage>();
  #client: pg.Client | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #sending = false;
  #sent: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
  }

  /** Throws when the first connection fails; later ones are tried until {@link close}. */
  static async open(url: string, log: Log): Promise<PostgresFrameBus> {
    const bus = new PostgresFrameBus(url, log);
    await bus.#connect();
    return bus;
  }

  publish(news: BusMessage): void {
    for (const listener of this.#listeners) listener.message(news);
    if (this.#pending.size >= MOST_PENDING) return; // Others re-read by themselves, see JobEventFeed.
    const key = `${news.type} ${news.type === 'revoked' ? news.key : news.job}`;
    // A newer pointer stands for the older ones of its job, also for their being activity.
    this.#pending.set(key, { ...this.#pending.get(key), ...news });
    if (!this.#sending) this.#sent = this.#send();
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    // What was published last still goes out: a command that revokes a key ends right after.
    await this.#sent;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  /** One sender at a time; what is published meanwhile is coalesced per job and goes with the next round. */
  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#client !== undefined && this.#pending.size > 0) {
        const batch = [...this.#pending.entries()];
        this.#pending.clear();
        try {
          await this.#client.query('SELECT pg_notify($1, body) FROM unnest($2::text[]) AS body', [CHANNEL, batch.map(([, news]) => JSON.stringify({ from: this.#from, ...news }))]);
        } catch {
          for (const [key, news] of batch) if (!this.#pending.has(key)) this.#pending.set(key, news);
          return; // The connection is gone; the next one sends.
        }
      }
    } finally {
      this.#sending = false;
    }
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'cinegraph-bus', connectionTimeoutMillis: 10_000, query_timeout: HEARTBEAT_MS, keepAlive: true });
    client.on('error', () => {});
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      void client.end().catch(() => {});
      throw error;
    }
    if (this.#closed) return void client.end();
    this.#client = client;
    client.once('end', () => void this.#reconnect());
    this.#heartbeat = setInterval(() => void client.query('SELECT 1').catch(() => void client.end().catch(() => {})), HEARTBEAT_MS).unref();
    if (!this.#sending) this.#sent = this.#send();
  }

  async #reconnect(): Promise<void> {
    this.#client = undefined;
    clearInterval(this.#heartbeat);
    for (let tries = 0; !this.#closed; tries++) {
      try {
        await this.#connect();
        this.#log.info('frame bus connected again');
        for (const listener of this.#listeners) listener.resync();
        return;
      } catch (error) {
        this.#log.debug(faultOf(error), 'frame bus cannot connect');
        await sleep(RECONNECT_MS[Math.min(tries, RECONNECT_MS.length - 1)], undefined, { ref: false });
      }
    }
  }

  #receive(payload: string): void {
    const parsed = message.safeParse(parseJson(payload));
    if (!parsed.success) return this.#log.warn({ payload }, 'frame bus got a message that is not ours');
    const { from, ...news } = parsed.data;
    if (from === this.#from) return;
    for (const listener of this.#listeners) listener.message(news);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
