import { randomUUID } from 'node:crypto';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { CinegraphError } from '../../errors.ts';
import type { Log } from '../log.ts';
import { faultOf } from '../pg-error.ts';
import { decodeMessage, encodeMessage } from './bus-message.ts';
import type { BusListener, BusMessage, FrameBus } from './frame-bus.ts';
import { Outbox } from './outbox.ts';

const CONNECT_DEADLINE_MS = 10_000;
const RECONNECT_MS = 500;
const PING_MS = 10_000;

export interface NatsOptions {
  /** nats://user:password@host:port, or tls://; several servers of one cluster with commas between. */
  readonly url: string;
  /** Subject of the messages; installations that share a server have different ones. */
  readonly subject: string;
}

/** {@link FrameBus} over one subject of a NATS server (core NATS: at most once, nothing is kept there). Our own messages are dispatched from memory. */
export class NatsFrameBus implements FrameBus {
  readonly #connection: NatsConnection;
  readonly #subject: string;
  readonly #log: Log;
  readonly #from = randomUUID();
  readonly #listeners = new Set<BusListener>();
  readonly #outbox: Outbox;
  #followed: Promise<void> = Promise.resolve();

  private constructor(connection: NatsConnection, subject: string, log: Log) {
    this.#connection = connection;
    this.#subject = subject;
    this.#log = log;
    this.#outbox = new Outbox(async batch => {
      for (const news of batch) connection.publish(subject, encodeMessage(this.#from, news));
      await connection.flush();
    });
  }

  /** Throws BUS_UNAVAILABLE when the first connection fails; later ones are tried until {@link close}. */
  static async open({ url, subject }: NatsOptions, log: Log): Promise<NatsFrameBus> {
    const given = serversOf(url);
    const connection = await connect({
      ...given, name: 'cinegraph', noEcho: true, timeout: CONNECT_DEADLINE_MS, pingInterval: PING_MS, maxPingOut: 1,
      maxReconnectAttempts: -1, reconnectTimeWait: RECONNECT_MS, ignoreAuthErrorAbort: true,
    }).catch((error: unknown) => Promise.reject(new CinegraphError('BUS_UNAVAILABLE', `The NATS server of NATS_URL, ${given.servers.join(', ')}, cannot be reached: ${faultOf(error).message}`, { cause: error })));
    const bus = new NatsFrameBus(connection, subject, log);
    connection.subscribe(subject, { callback: (error, message) => bus.#receive(error, message.string()) });
    await connection.flush();
    bus.#outbox.resume();
    bus.#followed = bus.#follow();
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
    // What was published last still goes out: a command that revokes a key ends right after.
    await Promise.race([this.#outbox.sent, this.#connection.closed()]);
    await this.#connection.close();
    await this.#followed;
  }

  /** Ends with the connection. */
  async #follow(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect') {
        this.#outbox.pause();
        this.#log.warn('the NATS server is away');
      }
      if (status.type === 'reconnect') await this.#resume();
    }
  }

  async #resume(): Promise<void> {
    try {
      // The answer proves that the subscription stands again: what is read after it misses nothing.
      await this.#connection.flush();
    } catch {
      return; // Gone again; the next connection resumes.
    }
    this.#log.info('frame bus connected again');
    this.#outbox.resume();
    for (const listener of this.#listeners) listener.resync();
  }

  #receive(error: Error | null, payload: string): void {
    const message = error === null ? decodeMessage(payload) : undefined;
    if (message === undefined) return this.#log.warn({ payload, subject: this.#subject }, 'frame bus got a message that is not ours');
    if (message.from === this.#from) return;
    for (const listener of this.#listeners) listener.message(message.news);
  }
}

/** The client takes credentials beside the address, not in it. */
function serversOf(text: string): { readonly servers: string[]; readonly user?: string; readonly pass?: string; readonly token?: string; readonly tls?: Record<string, never> } {
  const urls = text.split(',').map(part => new URL(part.trim()));
  const [first] = urls;
  const [user, pass] = [decodeURIComponent(first?.username ?? ''), decodeURIComponent(first?.password ?? '')];
  return {
    servers: urls.map(({ host }) => host),
    ...(pass !== '' ? { user, pass } : user !== '' ? { token: user } : {}),
    ...(first?.protocol === 'tls:' ? { tls: {} } : {}),
  };
}
