import { randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import type { SecretBox } from '../../db/secret-box.ts';
import { transaction } from '../../db/transaction.ts';
import { CinegraphError } from '../../errors.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { JobQueue } from '../../jobs/queue/job-queue.ts';
import { addDelivery } from '../../jobs/webhooks/dispatcher.ts';
import { encodeNodeId } from '../../node-id.ts';
import type { Page, PageInput, Viewer, WebhookChange, WebhookDeliveryRecord, WebhookInput, WebhookRecord, WebhookService } from '../contract.ts';
import { behind, parsePage, toPage } from '../cursor.ts';
import { isUuid } from '../uuid.ts';
import { checkWebhook } from './webhook-input.ts';

const MOST_WEBHOOKS = 20;
/** What the standard-webhooks specification asks for: 24 to 64 bytes. */
const SECRET_BYTES = 32;
const SHOWN = { id: true, ownerId: true, url: true, events: true, enabled: true, disabledReason: true, failingSince: true, createdAt: true } as const;

export class Webhooks implements WebhookService {
  readonly #database: Database;
  readonly #queue: JobQueue;
  readonly #secrets: SecretBox;
  readonly #allowPrivate: boolean;

  constructor(options: { readonly database: Database; readonly queue: JobQueue; readonly secrets: SecretBox; readonly allowPrivate: boolean }) {
    this.#database = options.database;
    this.#queue = options.queue;
    this.#secrets = options.secrets;
    this.#allowPrivate = options.allowPrivate;
  }

  async create({ ownerId }: Viewer, input: WebhookInput): Promise<{ readonly webhook: WebhookRecord; readonly secret: string }> {
    const { url, events } = checkWebhook(input, this.#allowPrivate);
    const [id, secret] = [randomUUID(), `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`];
    await transaction(this.#database.pool, async client => {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`webhooks of ${ownerId}`]);
      const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM webhook WHERE owner_id = $1', [ownerId]);
      if ((rows[0]?.count ?? 0) >= MOST_WEBHOOKS) throw new CinegraphError('INVALID_INPUT', `There may be ${MOST_WEBHOOKS} webhooks. Delete one first.`);
      await client.query('INSERT INTO webhook (id, owner_id, url, events, secret) VALUES ($1, $2, $3, $4, $5)', [id, ownerId, url, events, this.#secrets.seal(secret, id)]);
    });
    return { webhook: await this.#own({ ownerId }, id), secret };
  }

  async update(viewer: Viewer, id: string, change: WebhookChange): Promise<WebhookRecord> {
    const webhook = await this.#own(viewer, id);
    const { url, events } = checkWebhook({ url: change.url ?? webhook.url, events: change.events ?? webhook.events }, this.#allowPrivate);
    const enabled = change.enabled ?? webhook.enabled;
    // Whoever enables it again has mended it: the clock of its failures starts anew.
    const mended = enabled ? { disabledReason: null, ...(webhook.enabled ? {} : { failingSince: null }) } : {};
    return this.#prisma.webhook.update({ where: { id }, data: { url, events: [...events], enabled, ...mended }, select: SHOWN });
  }

  async remove(viewer: Viewer, id: string): Promise<void> {
    await this.#own(viewer, id);
    await this.#prisma.webhook.deleteMany({ where: { id } });
  }

  async test(viewer: Viewer, id: string): Promise<WebhookDeliveryRecord> {
    const webhook = await this.#own(viewer, id);
    const type = 'webhook.test';
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: { webhookId: encodeNodeId('Webhook', webhook.id) } });
    const delivery = await transaction(this.#database.pool, client => addDelivery(client, this.#queue, { webhookId: id, type, jobId: null, body }));
    return this.#prisma.webhookDelivery.findUniqueOrThrow({ where: { id: delivery } });
  }

  async byIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(WebhookRecord | null)[]> {
    const rows = await this.#prisma.webhook.findMany({ where: { ownerId, id: { in: ids.filter(isUuid) } }, select: SHOWN });
    const found = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => found.get(id) ?? null);
  }

  async deliveriesByIds({ ownerId }: Viewer, ids: readonly string[]): Promise<(WebhookDeliveryRecord | null)[]> {
    const rows = await this.#prisma.webhookDelivery.findMany({ where: { id: { in: ids.filter(isUuid) }, webhook: { ownerId } } });
    const found = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => found.get(id) ?? null);
  }

  async list({ ownerId }: Viewer, page: PageInput): Promise<Page<WebhookRecord>> {
    const request = parsePage(page);
    const order = request.forward ? 'desc' : 'asc';
    const where = { AND: [{ ownerId }, behind(request)] };
    return toPage(await this.#prisma.webhook.findMany({ where, orderBy: [{ createdAt: order }, { id: order }], take: request.count + 1, select: SHOWN }), request);
  }

  count({ ownerId }: Viewer): Promise<number> {
    return this.#prisma.webhook.count({ where: { ownerId } });
  }

  async deliveries(viewer: Viewer, id: string, page: PageInput): Promise<Page<WebhookDeliveryRecord>> {
    await this.#own(viewer, id);
    const [log] = await this.deliveriesOf(viewer, [id], page);
    return log ?? toPage<WebhookDeliveryRecord>([], parsePage(page));
  }

  /** SQL finds the ids of all logs at once, Prisma reads the rows. */
  async deliveriesOf({ ownerId }: Viewer, ids: readonly string[], page: PageInput): Promise<Page<WebhookDeliveryRecord>[]> {
    const request = parsePage(page);
    const { forward, from, count } = request;
    const [direction, side] = forward ? [Prisma.sql`DESC`, Prisma.sql`<`] : [Prisma.sql`ASC`, Prisma.sql`>`];
    const start = from === undefined ? Prisma.sql`true` : Prisma.sql`(l.created_at, l.id) ${side} (${from.createdAt}::timestamptz, ${from.id}::uuid)`;
    const found = await this.#prisma.$queryRaw<{ id: string }[]>`
      SELECT d.id FROM webhook w, LATERAL (
        SELECT l.id FROM webhook_delivery l WHERE l.webhook_id = w.id AND ${start} ORDER BY l.created_at ${direction}, l.id ${direction} LIMIT ${count + 1}
      ) d WHERE w.id = ANY(${ids.filter(isUuid)}::uuid[]) AND w.owner_id = ${ownerId}`;
    const order = forward ? 'desc' : 'asc';
    const rows = await this.#prisma.webhookDelivery.findMany({ where: { id: { in: found.map(({ id }) => id) } }, orderBy: [{ createdAt: order }, { id: order }] });
    const byWebhook = Map.groupBy(rows, ({ webhookId }) => webhookId);
    return ids.map(id => toPage(byWebhook.get(id) ?? [], request));
  }

  async #own(viewer: Viewer, id: string): Promise<WebhookRecord> {
    const [webhook] = await this.byIds(viewer, [id]);
    if (webhook === undefined || webhook === null) throw new CinegraphError('NOT_FOUND', undefined, { field: ['input', 'webhookId'] });
    return webhook;
  }

  get #prisma(): Database['prisma'] {
    return this.#database.prisma;
  }
}
