import type { Database } from '../../db/database.ts';
import type { Log } from '../../db/log.ts';
import { transaction } from '../../db/transaction.ts';
import { hasDeliveryMessage, type JobQueue } from '../queue/job-queue.ts';
import { Rounds } from '../rounds.ts';

const INTERVAL_MS = 15_000;
/** How long a delivery must have been due, s: longer than a sending takes. */
const OVERDUE_SECONDS = 30;
/** Deliveries of one sweep: the rest waits for the next. */
const BATCH = 500;
/** Of all processes on a database one sweeps at a time. The number says nothing. */
const LOCK_KEY = 7_236_003;

export interface LostDeliverySweeperOptions {
  readonly database: Database;
  readonly queue: Pick<JobQueue, 'enqueueDelivery'>;
  readonly log: Log;
  /** Told of each delivery. */
  readonly onPutBack?: () => void;
  /** {@link OVERDUE_SECONDS}. */
  readonly overdueSeconds?: number;
}

/**
 * Puts deliveries of webhooks into the queue again that are due, but of which the queue knows nothing. A delivery and its message are always
 * stored together, so one look is enough. Owner: the composition root, which stops it before the queue is closed.
 */
export class LostDeliverySweeper {
  readonly #options: LostDeliverySweeperOptions;
  readonly #rounds: Rounds;

  constructor(options: LostDeliverySweeperOptions) {
    this.#options = options;
    this.#rounds = new Rounds({ everyMs: INTERVAL_MS, doing: 'looking for webhook deliveries that the queue has lost', log: options.log }, () => this.#tick());
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /** Returns how many there were. */
  async sweep(): Promise<number> {
    const { database, queue, overdueSeconds = OVERDUE_SECONDS, onPutBack } = this.#options;
    const putBack = await transaction(database.pool, async client => {
      const { rows: locks } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [LOCK_KEY]);
      if (locks[0]?.mine !== true) return 0;
      const { rows } = await client.query<{ id: string }>(WITHOUT_MESSAGE, [overdueSeconds, BATCH]);
      for (const { id } of rows) await queue.enqueueDelivery(client, id, 0);
      return rows.length;
    });
    for (let count = 0; count < putBack; count++) onPutBack?.();
    return putBack;
  }

  async #tick(): Promise<void> {
    const deliveries = await this.sweep();
    if (deliveries > 0) this.#options.log.warn({ deliveries }, 'the queue had lost webhook deliveries');
  }
}

const WITHOUT_MESSAGE = `
  SELECT id FROM webhook_delivery AS delivery
  WHERE status = 'PENDING' AND next_attempt_at < now() - $1 * interval '1 second' AND NOT ${hasDeliveryMessage('delivery.id')}
  ORDER BY next_attempt_at LIMIT $2`;
