import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { CinegraphError } from '../../errors.ts';
import { WEBHOOK_EVENTS, type WebhookInput } from '../contract.ts';

const LONGEST_URL = 2000;

/** Throws INVALID_INPUT with the field. A name is looked at again when it is resolved for a delivery. */
export function checkWebhook({ url, events }: WebhookInput, allowPrivate: boolean): { readonly url: string; readonly events: readonly string[] } {
  if (url.length > LONGEST_URL || !URL.canParse(url)) refuse('url', `url must be an absolute URL of up to ${LONGEST_URL} characters.`);
  const { protocol, username, password, hostname, hash } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') refuse('url', 'url must begin with https:// or http://.');
  if (username !== '' || password !== '') refuse('url', 'url must not hold a user name or a password. Deliveries are signed.');
  if (hash !== '') refuse('url', 'url must not have a fragment.');
  if (!allowPrivate && isPrivate(hostname)) refuse('url', `${hostname} is not an address of the public internet. The operator can allow such webhooks: WEBHOOK_ALLOW_PRIVATE=1.`);
  const wanted = [...new Set(events)];
  if (wanted.length === 0) refuse('events', `events must name at least one of ${WEBHOOK_EVENTS.join(', ')}.`);
  const unknown = wanted.find(event => !WEBHOOK_EVENTS.some(known => known === event));
  if (unknown !== undefined) refuse('events', `There is no event ${JSON.stringify(unknown)}; there are ${WEBHOOK_EVENTS.join(', ')}.`);
  return { url: new URL(url).href, events: wanted };
}

function isPrivate(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return hostname === 'localhost' || hostname.endsWith('.localhost') || (isIP(address) !== 0 && ipaddr.parse(address).range() !== 'unicast');
}

function refuse(field: string, message: string): never {
  throw new CinegraphError('INVALID_INPUT', message, { field: ['input', field] });
}
