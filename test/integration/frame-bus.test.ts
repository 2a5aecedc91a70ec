import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BusMessage } from '../../src/db/frame-bus.ts';
import { PostgresFrameBus } from '../../src/db/postgres-frame-bus.ts';
import { silent as log } from '../support/data-stack.ts';
import { type TestDatabase, createTestDatabase } from '../support/postgres.ts';

/** Two buses are two processes to each other: nothing but Postgres lies between them. */
describe('frame bus over Postgres', () => {
  let test: TestDatabase;
  let here: PostgresFrameBus;
  let there: PostgresFrameBus;
  const news = new EventEmitter<{ message: [BusMessage]; resync: [] }>();
  beforeEach(async () => {
    test = await createTestDatabase();
    here = await PostgresFrameBus.open(test.url, log);
    there = await PostgresFrameBus.open(test.url, log);
    there.subscribe({ message: message => news.emit('message', message), resync: () => news.emit('resync') });
  });
  afterEach(async () => {
    news.removeAllListeners();
    await here.close();
    await there.close();
    await test.close();
  });

  /** Resolves when the other process has heard of this seq, or a later one, of the job. */
  const heard = async (job: string, seq: number): Promise<void> => {
    for (;;) {
      const [message] = await once(news, 'message', { signal: AbortSignal.timeout(20_000) }) as [BusMessage];
      if (message.type === 'event' && message.job === job && message.seq >= seq) return;
    }
  };

  it('tells the same process before publish returns, once, and the other process too', async () => {
    const own: BusMessage[] = [];
    here.subscribe({ message: message => own.push(message), resync: () => {} });
    const arrived = heard('a', 1);
    here.publish({ type: 'event', job: 'a', seq: 1 });
    expect(own).toEqual([{ type: 'event', job: 'a', seq: 1 }]);
    await arrived;
    const cancel = once(news, 'message');
    here.publish({ type: 'cancel', job: 'a' });
    expect(await cancel).toEqual([{ type: 'cancel', job: 'a' }]);
    expect(own, 'its own notification is not heard again').toHaveLength(2);
  });

  it('connects again after Postgres dropped it, tells its listeners to re-read, and sends what waited', async () => {
    const resync = once(news, 'resync', { signal: AbortSignal.timeout(20_000) });
    const admin = new pg.Client({ connectionString: test.url });
    await admin.connect();
    const { rows } = await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cinegraph-bus' AND datname = current_database()`);
    expect(rows).toHaveLength(2);
    await admin.end();
    const arrived = heard('b', 3);
    for (const seq of [1, 2, 3]) here.publish({ type: 'event', job: 'b', seq });
    // Either the pointer arrives, or the re-read that resync asks for covers it: here both.
    await resync;
    await Promise.race([arrived, published(here, 'b', 3).then(() => arrived)]);
  });

  it('ignores what is not its own', async () => {
    const admin = new pg.Client({ connectionString: test.url });
    await admin.connect();
    await admin.query(`SELECT pg_notify('cinegraph_bus', 'not json'), pg_notify('cinegraph_bus', '{"type":"event"}')`);
    await admin.end();
    const next = once(news, 'message', { signal: AbortSignal.timeout(20_000) });
    here.publish({ type: 'event', job: 'c', seq: 1 });
    expect(await next, 'the first that was passed on').toEqual([{ type: 'event', job: 'c', seq: 1 }]);
  });
});

/** The pointer may have been sent while the listener was away; the next one of the same job is heard. */
async function published(bus: PostgresFrameBus, job: string, seq: number): Promise<void> {
  bus.publish({ type: 'event', job, seq: seq + 1 });
}
