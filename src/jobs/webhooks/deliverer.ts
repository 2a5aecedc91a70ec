import type { Database } from '../../db/database.ts';
import type { SecretBox } from '../../db/secret-box.ts';
import type { Log } from '../../db/log.ts';
import { transaction } from '../../db/transaction.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { type Answer, sendWebhook } from './send.ts';

const HOUR_S = 3600;
/** Seconds before each further attempt: the schedule that the standard-webhooks specification recommends, three days in all. */
const RETRY_SECONDS: readonly number[] = [5, 300, 1800, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 20 * HOUR_S, 24 * HOUR_S];
/** A webhook that has failed for so long, without one success, is disabled. */
const DISABLE_AFTER_MS = 5 * 24 * HOUR_S * 1000;
const GONE = 410;

export interface DelivererOptions {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly secrets: SecretBox;
  readonly allowPrivate: boolean;
  readonly log: Log;
  readonly retrySeconds?: readonly number[];
  readonly disableAfterMs?: number;
}

interface Delivery {
  readonly id: string;
  readonly webhookId: string;
  readonly type: string;
  readonly body: string;
  readonly attempts: number;
  readonly url: string;
  /** Sealed. */
  readonly secret: string;
  readonly enabled: boolean;
}

/** Sends what is due, from now until the queue stops its work. */
export function startDeliverer(options: DelivererOptions): Promise<void> {
  return options.queue.workDeliveries((deliveryId) => attempt(deliveryId, options));
}

async function attempt(id: string, options: DelivererOptions): Promise<void> {
  const { database, log } = options;
  const { rows } = await database.pool.query<Delivery>(
    `SELECT d.id, d.webhook_id AS "webhookId", d.type, d.body, d.attempts, w.url, w.secret, w.enabled
     FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id WHERE d.id = $1 AND d.status = 'PENDING'`,
    [id],
  );
  const delivery = rows[0];
  if (delivery === undefined) return;
  const answer: Answer = delivery.enabled || delivery.type === 'webhook.test' ? await send(delivery, options) : { error: 'the webhook is disabled' };
  const delivered = 'status' in answer && answer.status >= 200 && answer.status < 300;
  log.debug({ delivery: id, webhook: delivery.webhookId, attempt: delivery.attempts + 1, ...answer }, 'webhook sent');
  await (delivered ? succeed(delivery, answer, options) : fail(delivery, answer, options));
}

async function send(delivery: Delivery, { secrets, allowPrivate }: DelivererOptions): Promise<Answer> {
  let secret: string;
  try {
    secret = secrets.open(delivery.secret, delivery.webhookId);
  } catch {
    return { error: 'the secret of this webhook was stored with another key (SECRETS_KEY); make the webhook anew' };
  }
  return sendWebhook({ ...delivery, secret, allowPrivate });
}

/** SQL: nobody else has made this attempt ($2, from 1) meanwhile. A queue may deliver twice what it had lost for a time. */
const IS_CURRENT = `status = 'PENDING' AND attempts = $2 - 1`;

async function succeed({ id, webhookId, attempts }: Delivery, answer: Answer, { database }: DelivererOptions): Promise<void> {
  await database.pool.query(
    `WITH delivered AS (
       UPDATE webhook_delivery SET status = 'DELIVERED', attempts = $2, response_status = $3, error = NULL, next_attempt_at = NULL, finished_at = now() WHERE id = $1 AND ${IS_CURRENT}
     ) UPDATE webhook SET failing_since = NULL WHERE id = $4 AND failing_since IS NOT NULL`,
    [id, attempts + 1, 'status' in answer ? answer.status : null, webhookId],
  );
}

async function fail(delivery: Delivery, answer: Answer, { database, queue, retrySeconds = RETRY_SECONDS, disableAfterMs = DISABLE_AFTER_MS }: DelivererOptions): Promise<void> {
  const { id, webhookId, attempts, enabled, type } = delivery;
  const status = 'status' in answer ? answer.status : null;
  const error = 'error' in answer ? answer.error : `answered ${answer.status}`;
  await transaction(database.pool, async (client) => {
    if ((await client.query(`SELECT FROM webhook_delivery WHERE id = $1 AND ${IS_CURRENT} FOR UPDATE`, [id, attempts + 1])).rowCount === 0) return;
    const disabled = await client.query(
      `UPDATE webhook SET failing_since = coalesce(failing_since, now()),
         enabled = enabled AND NOT ($2 OR coalesce(failing_since < now() - $3 * interval '1 millisecond', false)),
         disabled_reason = CASE WHEN enabled AND $2 THEN 'It answered 410: gone.' WHEN enabled AND failing_since < now() - $3 * interval '1 millisecond' THEN 'No delivery succeeded for a long time.' ELSE disabled_reason END
       WHERE id = $1 AND $4 RETURNING enabled`,
      // A test says nothing about the deliveries proper.
      [webhookId, status === GONE, disableAfterMs, enabled && type !== 'webhook.test'],
    );
    const wait = type === 'webhook.test' || (disabled.rows[0] as { enabled: boolean } | undefined)?.enabled !== true ? undefined : retrySeconds[attempts];
    await client.query(
      `UPDATE webhook_delivery SET attempts = $2, response_status = $3, error = $4, status = $5, next_attempt_at = now() + $6 * interval '1 second', finished_at = CASE WHEN $6::float8 IS NULL THEN now() END WHERE id = $1`,
      [id, attempts + 1, status, error.slice(0, 500), wait === undefined ? 'FAILED' : 'PENDING', wait ?? null],
    );
    if (wait !== undefined) await queue.enqueueDelivery(client, id, wait);
  });
}
