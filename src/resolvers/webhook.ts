import type { WebhookConnectionResolvers, WebhookDeliveryConnectionResolvers, WebhookDeliveryResolvers, WebhookEvent, WebhookResolvers } from '../generated/graphql.ts';
import { connectionFields, listing } from './connection.ts';
import { toGlobalId } from './global-id.ts';

/** The service has the names that are sent, GraphQL enums cannot hold a dot. */
export const EVENT_TYPES = {
  JOB_STARTED: 'job.started',
  JOB_SUCCEEDED: 'job.succeeded',
  JOB_FAILED: 'job.failed',
  JOB_CANCELED: 'job.canceled',
} as const satisfies Record<WebhookEvent, string>;

const EVENTS = Object.keys(EVENT_TYPES) as WebhookEvent[];

export const Webhook: WebhookResolvers = {
  id: (webhook) => toGlobalId('Webhook', webhook.id),
  events: (webhook) => EVENTS.filter((event) => webhook.events.includes(EVENT_TYPES[event])),
  deliveries: async (webhook, page, { loaders }) => listing(await loaders.deliveriesOf(page).load(webhook.id), null),
};

export const WebhookDelivery: WebhookDeliveryResolvers = {
  id: (delivery) => toGlobalId('WebhookDelivery', delivery.id),
  job: (delivery, _args, { loaders }) => (delivery.jobId === null ? null : loaders.job.load(delivery.jobId)),
};

export const WebhookConnection: WebhookConnectionResolvers = connectionFields;
const { edges, nodes, pageInfo } = connectionFields;
export const WebhookDeliveryConnection: WebhookDeliveryConnectionResolvers = { edges, nodes, pageInfo };
