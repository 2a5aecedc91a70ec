import { EventEmitter, once } from 'node:events';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BusMessage, FrameBus } from '../../src/db/bus/frame-bus.ts';
import { NatsFrameBus } from '../../src/db/bus/nats-frame-bus.ts';
import { PostgresFrameBus } from '../../src/db/bus/postgres-frame-bus.ts';
import { silent as log } from '../support/data-stack.ts';
import { HAS_NATS, startNats } from '../support/nats.ts';
import { createTestDatabase } from '../support/postgres.ts';

/** What carries the messages, and what can be done to it. */
interface Carrier {
  open(): Promise<FrameBus>;
  /** Breaks every connection, and makes new ones possible. */
  drop(): Promise<void>;
  /** Puts a message on it that no bus wrote. */
  inject(...texts: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

async function overPostgres(): Promise<Carrier> {
  const test = await createTestDatabase();
  const run = async (sql: string, values: unknown[] = []): Promise<number | null> => {
    const client = new pg.Client({ connectionString: test.url });
    await client.connect();
    const { rowCount } = await client.query(sql, values);
    await client.end();
    return rowCount;
  };
  return {
    open: () => PostgresFrameBus.open(test.url, log),
    async drop() {
      expect(await run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cinegraph-bus' AND datname = current_database()`)).toBe(2);
    },
    inject: async (...texts) => void (await run(`SELECT pg_notify('cinegraph_bus', body) FROM unnest($1::text[]) AS body`, [texts])),
    close: () => test.close(),
  };
}

async function overNats(): Promise<Carrier> {
  const server = await startNats();
  return {
    open: () => NatsFrameBus.open({ url: server.url, subject: 'test.bus' }, log),
    async drop() {
      await server.kill();
      await server.start();
    },
    async inject(...texts) {
      const connection = await connect({ servers: server.url });
      for (const text of texts) connection.publish('test.bus', text);
      await connection.drain();
    },
    close: () => server.close(),
  };
}

const carriers = [{ name: 'Postgres', start: overPostgres, there: true }, { name: 'NATS', start: overNats, there: HAS_NATS }];

/** Two buses are two processes to each other: nothing but the carrier lies between them. */
describe.each(carriers)('frame bus over $name', ({ start, there: runs }) => {
  let carrier: Carrier;
  let here: FrameBus;
  let there: FrameBus;
  const news = new EventEmitter<{ message: [BusMessage]; resync: [] }>();
  beforeEach(async () => {
    carrier = await start();
    here = await carrier.open();
    there = await carrier.open();
    there.subscribe({ message: message => news.emit('message', message), resync: () => news.emit('resync') });
  });
  afterEach(async () => {
    news.removeAllListeners();
    await here.close();
    await there.close();
    await carrier.close();
  });

  const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) });
  /** Resolves when the other process has heard of this seq, or a later one, of the job. */
  const heard = async (job: string, seq: number): Promise<void> => {
    const found = new EventEmitter<{ found: [] }>();
    // Several may come in one turn: each is looked at, not the first of every turn.
    news.on('message', message => void (message.type === 'event' && message.job === job && message.seq >= seq && found.emit('found')));
    await once(found, 'found', soon());
  };

  it.runIf(runs)('tells the same process before publish returns, once, and the other process too', async () => {
    const own: BusMessage[] = [];
    here.subscribe({ message: message => own.push(message), resync: () => {} });
    const arrived = heard('a', 1);
    here.publish({ type: 'event', job: 'a', seq: 1, owner: 'ada' });
    expect(own).toEqual([{ type: 'event', job: 'a', seq: 1, owner: 'ada' }]);
    await arrived;
    for (const message of [{ type: 'cancel', job: 'a' }, { type: 'revoked', key: 'k' }] as const) {
      const next = once(news, 'message', soon());
      here.publish(message);
      expect(await next).toEqual([message]);
    }
    // An answer from there proves that ours would have come back by now.
    const answered = new Promise<void>(resolve => here.subscribe({ message: message => message.type === 'cancel' && message.job === 'answer' && resolve(), resync: () => {} }));
    there.publish({ type: 'cancel', job: 'answer' });
    await answered;
    expect(own.filter(message => message.type !== 'cancel' || message.job !== 'answer'), 'its own messages are not heard again').toHaveLength(3);
  });

  it.runIf(runs)('connects again after it was dropped, tells its listeners to re-read, and sends what waited', async () => {
    const resynced = once(news, 'resync', soon());
    const back = new Promise<void>(resolve => here.subscribe({ message: () => {}, resync: resolve }));
    await carrier.drop();
    for (const seq of [1, 2, 3]) here.publish({ type: 'event', job: 'b', seq });
    await Promise.all([resynced, back]);
    // Either the pointer arrives, or the re-read that resync asks for covers it; from then on everything arrives.
    const arrived = heard('b', 4);
    here.publish({ type: 'event', job: 'b', seq: 4 });
    await expect(arrived).resolves.toBeUndefined();
  });

  it.runIf(runs)('coalesces what waits while the carrier is away: the newest of each job arrives, bounded in number', async () => {
    const resynced = once(news, 'resync', soon());
    const seen = new Map<string, number>();
    news.on('message', message => message.type === 'event' && seen.set(message.job, message.seq));
    await carrier.drop();
    for (let seq = 1; seq <= 1000; seq++) for (const job of ['c', 'd']) here.publish({ type: 'event', job, seq });
    await resynced;
    const arrived = heard('e', 1);
    here.publish({ type: 'event', job: 'e', seq: 1 });
    await arrived;
    for (const job of ['c', 'd']) expect([undefined, 1000]).toContain(seen.get(job));
  });

  it.runIf(runs)('ignores what is not its own', async () => {
    await carrier.inject('not json', '{"type":"event"}');
    const next = once(news, 'message', soon());
    here.publish({ type: 'event', job: 'c', seq: 1 });
    expect(await next, 'the first that was passed on').toEqual([{ type: 'event', job: 'c', seq: 1 }]);
  });

  it.runIf(runs)('sends what was published last before it closes', async () => {
    const last = await carrier.open();
    const next = once(news, 'message', soon());
    last.publish({ type: 'revoked', key: 'last' });
    await last.close();
    expect(await next).toEqual([{ type: 'revoked', key: 'last' }]);
  });
});

describe.runIf(HAS_NATS)('a NATS server', () => {
  it('that asks for a credential gets the one of the URL, and without it the start fails with BUS_UNAVAILABLE', async () => {
    const server = await startNats(['--user', 'cine', '--pass', 's3cret']);
    const bus = await NatsFrameBus.open({ url: `nats://cine:s3cret@127.0.0.1:${server.port}`, subject: 'a' }, log);
    await bus.close();
    await expect(NatsFrameBus.open({ url: server.url, subject: 'a' }, log)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await server.close();
    await expect(NatsFrameBus.open({ url: server.url, subject: 'a' }, log)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
  });
});
