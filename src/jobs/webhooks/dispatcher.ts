import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import type { Log } from '../../db/log.ts';
import { isDatabaseAway } from '../../db/pg-error.ts';
import { transaction } from '../../db/transaction.ts';
import { encodeNodeId } from '../../node-id.ts';
import type { JobEventPayload } from '../../services/contract.ts';
import type { JobQueue } from '../queue/job-queue.ts';

const CURSOR = 'webhook-cursor';
const BATCH = 100;
const SAFETY_MS = 5_000;
/** How soon to look again for an event that a running transaction still hides. */
const UNSETTLED_MS = 50;

/** Transactions that the cursor may be behind while there are no webhooks: one that is made gets nothing that is older than itself. */
const FARTHEST_BEHIND = 10_000;
const LOOK = {
  name: 'look-for-webhooks',
  text: `
  SELECT EXISTS (SELECT FROM webhook)
    OR coalesce((SELECT abs(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - (value::json->>'xid')::bigint) > $2 FROM setting WHERE key = $1), true) AS due`,
};

const cursorSchema = z.object({ xid: z.string(), jobId: z.string(), seq: z.number() });
type Cursor = z.infer<typeof cursorSchema>;
const LAST = { jobId: 'ffffffff-ffff-ffff-ffff-ffffffffffff', seq: 2_147_483_647 } as const;

export interface DispatcherOptions {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly log: Log;
}

/** Owner: the composition root, which stops it before the queue and the database. */
export interface Dispatcher {
  stop(): Promise<void>;
}

/**
 * Turns state events into deliveries. It reads the activity of all owners behind a stored cursor, whose row it locks: of all processes one
 * dispatches at a time, and an event becomes a delivery exactly once, whoever is killed when.
 */
export function startDispatcher({ database, queue, log }: DispatcherOptions): Dispatcher {
  const stopped = new AbortController();
  let again = false;
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    do {
      again = false;
      const left = await dispatch(database, queue).catch((error: unknown) => {
        if (!isDatabaseAway(error)) log.error({ err: error }, 'dispatching webhooks');
        return 'nothing' as const;
      });
      if (left === 'more') again = true;
      if (left === 'hidden') retry = setTimeout(wake, UNSETTLED_MS).unref();
    } while (again && !stopped.signal.aborted);
    running = undefined;
  };
  const wake = (): void => {
    again = true;
    if (!stopped.signal.aborted) running ??= run();
  };
  const unsubscribe = database.bus.subscribe({
    message: (message) => {
      if (message.type === 'event' && message.owner !== undefined) wake();
    },
    resync: wake,
  });
  const safety = setInterval(wake, SAFETY_MS).unref();
  wake();
  return {
    async stop() {
      stopped.abort();
      unsubscribe();
      clearInterval(safety);
      clearTimeout(retry);
      await running;
    },
  };
}

/** One batch. hidden: a transaction that still runs may hold events. */
async function dispatch(database: Database, queue: JobQueue): Promise<'nothing' | 'more' | 'hidden'> {
  const { rows: [look] } = await database.pool.query<{ due: boolean }>({ ...LOOK, values: [CURSOR, FARTHEST_BEHIND] });
  if (look?.due !== true) return 'nothing';
  return transaction(database.pool, async (client) => {
    await client.query(
      `INSERT INTO setting (key, value) SELECT $1, json_build_object('xid', (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text, 'jobId', $2::text, 'seq', $3::int)
       WHERE NOT EXISTS (SELECT FROM setting WHERE key = $1) ON CONFLICT DO NOTHING`,
      [CURSOR, LAST.jobId, LAST.seq],
    );
    const { rows: cursors } = await client.query<{ value: string; now: string }>(
      `SELECT value, (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text AS now FROM setting WHERE key = $1 FOR UPDATE SKIP LOCKED`,
      [CURSOR],
    );
    if (cursors[0] === undefined) return 'nothing';
    const { now } = cursors[0];
    const cursor = cursorSchema.parse(JSON.parse(cursors[0].value));
    const webhooks = await listWebhooks(client);
    // Nobody listens; or the database was restored into a cluster whose transactions have smaller numbers.
    if (webhooks.length === 0 || BigInt(cursor.xid) > BigInt(now) + 1_000_000n) {
      await moveTo(client, { xid: now, ...LAST });
      return 'nothing';
    }
    const rows = await readActivity(client, cursor);
    const hidden = rows.findIndex(({ settled }) => !settled);
    const settled = hidden === -1 ? rows : rows.slice(0, hidden);
    for (const event of settled) await deliver(client, queue, event, webhooks);
    const last = settled.at(-1);
    if (last !== undefined) await moveTo(client, { xid: last.xid, jobId: last.jobId, seq: last.seq });
    return hidden !== -1 ? 'hidden' : rows.length === BATCH ? 'more' : 'nothing';
  });
}

interface WebhookRow {
  readonly id: string;
  readonly ownerId: string;
  readonly events: readonly string[];
  readonly createdAt: Date;
}

async function listWebhooks(client: pg.PoolClient): Promise<WebhookRow[]> {
  return (await client.query<WebhookRow>('SELECT id, owner_id AS "ownerId", events, created_at AS "createdAt" FROM webhook WHERE enabled')).rows;
}

async function moveTo(client: pg.PoolClient, cursor: Cursor): Promise<void> {
  await client.query('UPDATE setting SET value = $2 WHERE key = $1', [CURSOR, JSON.stringify(cursor)]);
}

interface StateEvent extends Cursor {
  readonly ownerId: string;
  readonly settled: boolean;
  readonly payload: JobEventPayload;
  readonly at: Date;
  readonly task: string;
  readonly errorCode: string | null;
  readonly assets: readonly string[];
}

async function readActivity(client: pg.PoolClient, { xid, jobId, seq }: Cursor): Promise<StateEvent[]> {
  const { rows } = await client.query<StateEvent>(
    `SELECT a.xid::text AS xid, a.job_id AS "jobId", a.seq, a.owner_id AS "ownerId", e.payload, e.at, j.task, j.error_code AS "errorCode",
       a.xid < pg_snapshot_xmin(now.snapshot)::text::bigint AS settled,
       ARRAY(SELECT id FROM asset WHERE job_id = a.job_id ORDER BY candidate) AS assets
     FROM (SELECT pg_current_snapshot() AS snapshot) AS now, activity_event a JOIN job_event e ON e.job_id = a.job_id AND e.seq = a.seq JOIN job j ON j.id = a.job_id
     WHERE (a.xid, a.job_id, a.seq) > ($1::bigint, $2::uuid, $3::int) AND a.xid < pg_snapshot_xmax(now.snapshot)::text::bigint
     ORDER BY a.xid, a.job_id, a.seq LIMIT ${BATCH}`,
    [xid, jobId, seq],
  );
  return rows;
}

async function deliver(client: pg.PoolClient, queue: JobQueue, event: StateEvent, webhooks: readonly WebhookRow[]): Promise<void> {
  const type = typeOf(event.payload);
  if (type === undefined) return;
  for (const webhook of webhooks) {
    if (webhook.ownerId !== event.ownerId || !webhook.events.includes(type) || event.at < webhook.createdAt) continue;
    const { task, errorCode, assets, at } = event;
    const data = { jobId: encodeNodeId('Job', event.jobId), task, seq: event.seq, errorCode, outputIds: assets.map((id) => encodeNodeId('Asset', id)) };
    await addDelivery(client, queue, { webhookId: webhook.id, type, jobId: event.jobId, body: JSON.stringify({ type, timestamp: at.toISOString(), data }) });
  }
}

/** Stores a message and its place in the queue, in the caller's transaction. */
export async function addDelivery(client: pg.PoolClient, queue: JobQueue, { webhookId, type, jobId, body }: { readonly webhookId: string; readonly type: string; readonly jobId: string | null; readonly body: string }): Promise<string> {
  const id = randomUUID();
  // Events of one batch are stored in one transaction: the log of a webhook keeps their order all the same.
  await client.query(
    `INSERT INTO webhook_delivery (id, webhook_id, type, job_id, body, next_attempt_at, created_at) VALUES ($1, $2, $3, $4, $5, now(),
       greatest(clock_timestamp(), (SELECT max(created_at) + interval '1 millisecond' FROM webhook_delivery WHERE webhook_id = $2)))`,
    [id, webhookId, type, jobId, body],
  );
  await queue.enqueueDelivery(client, id, 0);
  return id;
}

function typeOf(payload: JobEventPayload): string | undefined {
  if (payload.type === 'JobStarted') return 'job.started';
  if (payload.type === 'JobFinished') return `job.${payload.status.toLowerCase()}`;
  return undefined;
}
