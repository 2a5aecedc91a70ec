import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { createSecretBox } from '../../src/db/secret-box.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { type DelivererOptions, startDeliverer } from '../../src/jobs/webhooks/deliverer.ts';
import { type Dispatcher, startDispatcher } from '../../src/jobs/webhooks/dispatcher.ts';
import { LostDeliverySweeper, type LostDeliverySweeperOptions } from '../../src/jobs/webhooks/lost-delivery-sweeper.ts';
import { sendWebhook } from '../../src/jobs/webhooks/send.ts';
import { sealOldSecrets } from '../../src/jobs/webhooks/seal-old-secrets.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { encodeNodeId } from '../../src/node-id.ts';
import type { WebhookDeliveryRecord } from '../../src/services/contract.ts';
import { ADA, BOB, type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { LOCAL } from '../support/local-viewer.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { startStackServer } from '../support/stack-server.ts';

interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A real HTTP server that keeps what it got and answers with the next of the given statuses, then with 200. */
class Receiver {
  readonly received: Received[] = [];
  /** What the first message waits for before it is answered. */
  firstHeld: Promise<void> | undefined;
  readonly #statuses: number[];
  readonly #server: Server;

  constructor(...statuses: number[]) {
    this.#statuses = statuses;
    this.#server = createServer(async (request, response) => {
      const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
      this.received.push({ path: request.url ?? '', headers: request.headers as Record<string, string>, body });
      const status = this.#statuses.shift() ?? 200;
      if (this.received.length === 1) await this.firstHeld;
      response.writeHead(status, { location: '/elsewhere' }).end('thanks');
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

const ALL = ['job.started', 'job.succeeded', 'job.failed', 'job.canceled'];

describe('webhooks', () => {
  let inference: InferenceClient;
  let stack: DataStack;
  let dispatcher: Dispatcher | undefined;
  let receiver: Receiver;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    await inference.ready();
  });
  afterAll(() => inference.close());
  beforeEach(async () => {
    stack = await openDataStack({ inference, webhookAllowPrivate: true });
  });
  afterEach(async () => {
    await dispatcher?.stop();
    dispatcher = undefined;
    await stack[Symbol.asyncDispose]();
    await receiver?.close();
  });

  const run = async (options: Partial<DelivererOptions> = {}): Promise<void> => {
    const { database, queue } = stack;
    dispatcher = startDispatcher({ database, queue, log: silent });
    await startDeliverer({ database, queue, secrets: TEST_SECRETS, allowPrivate: true, log: silent, retrySeconds: [0, 0, 0], ...options });
  };
  const register = async (statuses: readonly number[] = [], events: readonly string[] = ALL): Promise<{ id: string; secret: string }> => {
    receiver = new Receiver(...statuses);
    const { webhook, secret } = await stack.services.webhooks.create(ADA, { url: await receiver.open(), events });
    return { id: webhook.id, secret };
  };
  const failJob = async (): Promise<string> => {
    const store = new JobStore(stack.database);
    const { id } = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a secret fox' });
    const attempt = await store.claim(id);
    if (attempt === undefined) throw new Error('not claimed');
    await store.append(attempt, { type: 'JobStarted', tokensTotal: 10, executionProvider: 'cpu' });
    await store.fail(attempt, 'STORAGE_FULL', 'the end');
    return id;
  };
  const log = async (id: string): Promise<WebhookDeliveryRecord[]> => (await stack.services.webhooks.deliveries(ADA, id, { last: 100 })).edges.map(({ node }) => node).reverse();
  /** All events so far have been looked at. */
  const dispatched = async (): Promise<void> => {
    const behind = `SELECT FROM activity_event WHERE xid > (SELECT (value::json ->> 'xid')::bigint FROM setting WHERE key = 'webhook-cursor')`;
    await expect.poll(async () => (await stack.database.pool.query(behind)).rowCount, { timeout: 60_000 }).toBe(0);
  };
  const settled = async (id: string, count: number): Promise<WebhookDeliveryRecord[]> => {
    await expect.poll(async () => (await log(id)).filter(({ status }) => status !== 'PENDING').length, { timeout: 60_000 }).toBe(count);
    return log(id);
  };

  it('tell of a job by signed messages, once each, and of no other event or owner', async () => {
    const { id, secret } = await register([], ['job.started', 'job.failed']);
    await run();
    await stack.services.generation.generate(BOB, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    const jobId = await failJob();
    const deliveries = await settled(id, 2);
    expect(deliveries.map(({ type, status, attempts, responseStatus }) => [type, status, attempts, responseStatus])).toEqual([['job.started', 'DELIVERED', 1, 200], ['job.failed', 'DELIVERED', 1, 200]]);
    const failed = receiver.received.find(({ body }) => body.includes('job.failed'));
    expect(new Webhook(secret).verify(failed?.body ?? '', failed?.headers ?? {})).toEqual({
      type: 'job.failed', timestamp: expect.any(String), data: { jobId: encodeNodeId('Job', jobId), task: 'TEXT_TO_VIDEO', seq: 3, errorCode: 'STORAGE_FULL', outputIds: [] },
    });
    expect(failed?.headers['webhook-id']).toBe(deliveries[1]?.id);
    expect(() => new Webhook(secret).verify(`${failed?.body} `, failed?.headers ?? {})).toThrow('No matching signature');
    expect(receiver.received.map(({ body }) => body).join('')).not.toContain('secret fox');
    expect(receiver.received).toHaveLength(2);
  });

  it('are tried again under the same id until they are answered', async () => {
    const { id } = await register([500, 302], ['job.failed']);
    await run();
    await failJob();
    expect(await settled(id, 1)).toMatchObject([{ status: 'DELIVERED', attempts: 3, responseStatus: 200, error: null, nextAttemptAt: null }]);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.received.map(({ path }) => path), 'a redirect is no answer and is not followed').toEqual(['/hook', '/hook', '/hook']);
    expect((await stack.services.webhooks.byIds(ADA, [id]))[0]).toMatchObject({ enabled: true, failingSince: null });
  });

  it('wait for the next attempt for as long as the schedule says', async () => {
    const { id } = await register([500], ['job.failed']);
    await run({ retrySeconds: [3600] });
    await failJob();
    await expect.poll(async () => (await log(id))[0]?.attempts, { timeout: 60_000 }).toBe(1);
    const [delivery] = await log(id);
    expect(delivery).toMatchObject({ status: 'PENDING', responseStatus: 500, error: 'answered 500' });
    expect((delivery?.nextAttemptAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_000_000);
    const { rows } = await stack.database.pool.query<{ waits: boolean }>(`SELECT start_after > now() + interval '50 minutes' AS waits FROM pgboss.job WHERE name = 'webhook' AND state = 'created'`);
    expect(rows).toEqual([{ waits: true }]);
  });

  it('are given up after the last attempt, and disabled after long failure; enabled again they start anew', async () => {
    const { id } = await register([500, 500, 500, 500, 500], ['job.failed']);
    await run({ retrySeconds: [0] });
    await failJob();
    expect(await settled(id, 1)).toMatchObject([{ status: 'FAILED', attempts: 2 }]);
    expect((await stack.services.webhooks.byIds(ADA, [id]))[0]).toMatchObject({ enabled: true, failingSince: expect.any(Date) });
    await stack.database.pool.query(`UPDATE webhook SET failing_since = now() - interval '6 days'`);
    await failJob();
    await settled(id, 2);
    expect((await stack.services.webhooks.byIds(ADA, [id]))[0]).toMatchObject({ enabled: false, disabledReason: expect.stringContaining('long time') });
    const sent = receiver.received.length;
    await failJob();
    await dispatched();
    expect(await stack.services.webhooks.update(ADA, id, { enabled: true })).toMatchObject({ enabled: true, disabledReason: null, failingSince: null });
    await stack.services.webhooks.test(ADA, id);
    await settled(id, 3);
    expect(receiver.received.length, 'nothing was sent while it was disabled').toBe(sent + 1);
  });

  it('are disabled at once by the answer 410', async () => {
    const { id } = await register([410], ['job.failed']);
    await run();
    await failJob();
    expect(await settled(id, 1)).toMatchObject([{ status: 'FAILED', attempts: 1, responseStatus: 410 }]);
    expect((await stack.services.webhooks.byIds(ADA, [id]))[0]).toMatchObject({ enabled: false, disabledReason: expect.stringContaining('410') });
  });

  it('lose nothing when the program was away, and send nothing of the time before they were registered', async () => {
    await run();
    await failJob();
    const { id } = await register([], ['job.failed']);
    await failJob();
    await settled(id, 1);
    await dispatcher?.stop();
    await failJob();
    dispatcher = startDispatcher({ database: stack.database, queue: stack.queue, log: silent });
    await settled(id, 2);
    expect(receiver.received).toHaveLength(2);
  });

  const openSweeper = (options: Partial<LostDeliverySweeperOptions> = {}): LostDeliverySweeper => new LostDeliverySweeper({ database: stack.database, queue: stack.queue, log: silent, overdueSeconds: 0, ...options });
  const loseMessage = async (): Promise<void> => expect((await stack.database.pool.query(`DELETE FROM pgboss.job WHERE name = 'webhook'`)).rowCount).toBe(1);

  it('are sent once although the queue has lost them', async () => {
    const { id } = await register();
    const metrics = new Metrics({ database: stack.database, cache: () => undefined });
    const sweepers = [openSweeper({ onPutBack: () => metrics.lostDelivery() }), openSweeper({ onPutBack: () => metrics.lostDelivery() }), openSweeper({ overdueSeconds: 30 })] as const;
    await stack.services.webhooks.test(ADA, id);
    expect(await sweepers[0].sweep(), 'its message is there').toBe(0);
    await loseMessage();
    expect(await sweepers[2].sweep(), 'not due for long').toBe(0);
    const putBack = await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));
    expect(putBack.toSorted()).toEqual([0, 0, 1]);
    expect(await sweepers[1].sweep()).toBe(0);
    expect((await metrics.text()).text).toContain('cinegraph_lost_deliveries_total 1\n');
    await run();
    expect(await settled(id, 1)).toMatchObject([{ status: 'DELIVERED', attempts: 1 }]);
    expect(receiver.received).toHaveLength(1);
    await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
  });

  it('wait for their next attempt even then', async () => {
    const { id } = await register([500], ['job.failed']);
    await run({ retrySeconds: [3600] });
    await failJob();
    await expect.poll(async () => (await log(id))[0]?.attempts, { timeout: 60_000 }).toBe(1);
    await stack.database.pool.query(`DELETE FROM pgboss.job WHERE name = 'webhook'`);
    const sweeper = openSweeper();
    expect(await sweeper.sweep()).toBe(0);
    // Kept in whole milliseconds: a moment ago, or it may be rounded into the next one.
    await stack.database.pool.query(`UPDATE webhook_delivery SET next_attempt_at = now() - interval '1 second'`);
    expect(await sweeper.sweep()).toBe(1);
    expect(await settled(id, 1)).toMatchObject([{ status: 'DELIVERED', attempts: 2 }]);
    await sweeper.stop();
  });

  it('are tried again once for each attempt, whoever answers late', async () => {
    const { id } = await register([500, 500], ['job.failed']);
    const late = Promise.withResolvers<void>();
    receiver.firstHeld = late.promise;
    await run({ retrySeconds: [3600, 3600] });
    await failJob();
    await expect.poll(() => receiver.received.length, { timeout: 60_000 }).toBe(1);
    await loseMessage();
    const sweeper = openSweeper();
    expect(await sweeper.sweep()).toBe(1);
    await expect.poll(async () => (await log(id))[0]?.attempts, { timeout: 60_000 }).toBe(1);
    late.resolve();
    // Its message is gone, so that the queue has nothing to end: what comes after it shows that it has been answered.
    await stack.queue.close();
    expect(await log(id)).toMatchObject([{ status: 'PENDING', attempts: 1 }]);
    const { rowCount } = await stack.database.pool.query(`SELECT FROM pgboss.job WHERE name = 'webhook' AND state = 'created'`);
    expect(rowCount).toBe(1);
    await sweeper.stop();
  });

  it('do not reach into private networks, by address, by name, or by a name that resolves there', async () => {
    receiver = new Receiver();
    const url = new URL(await receiver.open());
    const { secret } = await stack.services.webhooks.create(ADA, { url: url.href, events: ALL });
    const message = { secret, id: 'm', body: '{}', allowPrivate: false };
    for (const hostname of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.1', '169.254.169.254', '0.0.0.0', '2130706433']) {
      url.hostname = hostname;
      expect(await sendWebhook({ ...message, url: url.href })).toEqual({ error: expect.stringMatching(/not allowed/) });
    }
    expect(receiver.received).toEqual([]);
    await using strict = await openDataStack({ inference });
    for (const hostname of ['127.0.0.1', 'localhost', '[::1]', '10.0.0.1']) {
      await expect(strict.services.webhooks.create(ADA, { url: `http://${hostname}/`, events: ALL })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'url'] });
    }
  });

  it('are refused with the field that is wrong, and belong to their owner', async () => {
    const { webhooks } = stack.services;
    for (const url of ['nonsense', 'ftp://example.com', 'https://user:password@example.com', `https://example.com/${'x'.repeat(2000)}`, 'https://example.com/#here']) {
      await expect(webhooks.create(ADA, { url, events: ALL })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'url'] });
    }
    for (const events of [[], ['job.exploded']]) await expect(webhooks.create(ADA, { url: 'https://example.com', events })).rejects.toMatchObject({ field: ['input', 'events'] });
    const { webhook } = await webhooks.create(ADA, { url: 'https://example.com', events: ALL });
    expect(await webhooks.byIds(BOB, [webhook.id])).toEqual([null]);
    for (const attempt of [() => webhooks.update(BOB, webhook.id, {}), () => webhooks.remove(BOB, webhook.id), () => webhooks.test(BOB, webhook.id), () => webhooks.deliveries(BOB, webhook.id, { first: 1 })]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const { id: delivery } = await webhooks.test(ADA, webhook.id);
    expect(await webhooks.deliveriesByIds(BOB, [delivery])).toEqual([null]);
    for (let count = 1; count < 20; count++) await webhooks.create(ADA, { url: 'https://example.com', events: ALL });
    await expect(webhooks.create(ADA, { url: 'https://example.com', events: ALL })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('are stored sealed, those of older versions too, and open with their key alone', async () => {
    const { id, secret } = await register();
    const { pool, prisma } = stack.database;
    const stored = async () => (await prisma.webhook.findUniqueOrThrow({ where: { id } })).secret;
    expect([await stored(), TEST_SECRETS.open(await stored(), id)]).toEqual([expect.not.stringContaining(secret.slice('whsec_'.length)), secret]);
    await prisma.webhook.update({ where: { id }, data: { secret } });
    await sealOldSecrets({ pool }, TEST_SECRETS);
    expect([await stored(), TEST_SECRETS.open(await stored(), id)]).toEqual([expect.not.stringContaining(secret.slice('whsec_'.length)), secret]);
    await run({ secrets: createSecretBox(Buffer.alloc(32, 4)), retrySeconds: [] });
    const { id: delivery } = await stack.services.webhooks.test(ADA, id);
    await expect.poll(async () => (await prisma.webhookDelivery.findUniqueOrThrow({ where: { id: delivery } })).error, { timeout: 60_000 }).toContain('SECRETS_KEY');
    expect(receiver.received).toEqual([]);
  });

  it('are made, tested, listed and deleted over GraphQL; the secret is shown once', async () => {
    const server = await startStackServer(stack);
    receiver = new Receiver();
    await run();
    const made = await graphql(server.url, 'mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id url events enabled } userErrors { code field } } }', {
      input: { url: await receiver.open(), events: ['JOB_FAILED', 'JOB_STARTED'] },
    });
    const { secret, webhook } = made.data.createWebhook;
    expect(secret).toMatch(/^whsec_/);
    expect(webhook.events).toEqual(['JOB_STARTED', 'JOB_FAILED']);
    const tested = await graphql(server.url, 'mutation($id: ID!) { testWebhook(input: { webhookId: $id }) { delivery { id type status } userErrors { code } } }', { id: webhook.id });
    const { id } = tested.data.testWebhook.delivery;
    await expect.poll(async () => (await graphql(server.url, 'query($id: ID!) { node(id: $id) { ... on WebhookDelivery { status attempts responseStatus job { id } } } }', { id })).data.node, { timeout: 60_000 })
      .toEqual({ status: 'DELIVERED', attempts: 1, responseStatus: 200, job: null });
    const { headers, body } = receiver.received[0] ?? { headers: {}, body: '' };
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: 'webhook.test', data: { webhookId: webhook.id } });
    const listed = await graphql(server.url, '{ webhooks(first: 10) { totalCount nodes { id deliveries(first: 10) { nodes { id } } } } }');
    expect(listed.data.webhooks).toEqual({ totalCount: 1, nodes: [{ id: webhook.id, deliveries: { nodes: [{ id }] } }] });
    const refused = await graphql(server.url, 'mutation { createWebhook(input: { url: "nonsense", events: [JOB_FAILED] }) { webhook { id } userErrors { code field } } }');
    expect(refused.data.createWebhook).toEqual({ webhook: null, userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'url'] }] });
    const deleted = await graphql(server.url, 'mutation($id: ID!) { deleteWebhook(input: { webhookId: $id }) { deletedWebhookId userErrors { code } } }', { id: webhook.id });
    expect(deleted.data.deleteWebhook).toEqual({ deletedWebhookId: webhook.id, userErrors: [] });
    expect(await stack.services.webhooks.count(LOCAL)).toBe(0);
    await server.close(1000);
  });
});
