import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { decodeMessage, encodeMessage } from './bus-message.ts';
import type { BusListener, BusMessage, FrameBus } from './frame-bus.ts';
import type { Log } from '../log.ts';
import { faultOf } from '../pg-error.ts';
import { Outbox } from './outbox.ts';

const CHANNEL = 'cinegraph_bus';
const NOTIFY = { name: 'bus-notify', text: 'SELECT pg_notify($1, body) FROM unnest($2::text[]) AS body' };
const RECONNECT_MS = [50, 100, 250, 500, 1000, 2000] as const;
/** The connection is asked for a sign of life this often; one that does not answer within the same time is replaced. */
const HEARTBEAT_MS = 10_000;

/**
 * {@link FrameBus} over LISTEN/NOTIFY on one connection of its own. NOTIFY takes a lock over the whole database until its transaction
 * ends, so it never runs inside a job's transaction. Our own messages are dispatched from memory and skipped when they come back.
 */
export class PostgresFrameBus implements FrameBus {
  readonly #url: string;
  readonly #log: Log;
  readonly #from = randomUUID();
  readonly #listeners = new Set<BusListener>();
  readonly #outbox: Outbox;
  #client: pg.Client | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
    this.#outbox = new Outbox(async batch => {
      if (this.#client === undefined) throw new Error('no connection');
      await this.#client.query({ ...NOTIFY, values: [CHANNEL, batch.map(news => encodeMessage(this.#from, news))] });
    });
  }

  /** Throws when the first connection fails; later ones are tried until {@link close}. */
  static async open(url: string, log: Log): Promise<PostgresFrameBus> {
    const bus = new PostgresFrameBus(url, log);
    await bus.#connect();
    return bus;
  }

  publish(news: BusMessage): void {
    for (const listener of this.#listeners) listener.message(news);
    this.#outbox.add(news);
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    // What was published last still goes out: a command that revokes a key ends right after.
    await this.#outbox.sent;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'cinegraph-bus', connectionTimeoutMillis: 10_000, query_timeout: HEARTBEAT_MS, keepAlive: true });
    client.on('error', () => {});
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    try {
      await client.connect();
      // A notice is lost in a crash anyway: its commit need not wait for the disk.
      await client.query(`SET synchronous_commit = off; LISTEN ${CHANNEL}`);
    } catch (error) {
      void client.end().catch(() => {});
      throw error;
    }
    if (this.#closed) return void client.end();
    this.#client = client;
    client.once('end', () => void this.#reconnect());
    this.#heartbeat = setInterval(() => void client.query('SELECT 1').catch(() => void client.end().catch(() => {})), HEARTBEAT_MS).unref();
    this.#outbox.resume();
  }

  async #reconnect(): Promise<void> {
    this.#client = undefined;
    this.#outbox.pause();
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
    const message = decodeMessage(payload);
    if (message === undefined) return this.#log.warn({ payload }, 'frame bus got a message that is not ours');
    if (message.from === this.#from) return;
    for (const listener of this.#listeners) listener.message(message.news);
  }
}
