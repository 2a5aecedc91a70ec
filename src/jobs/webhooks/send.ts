import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { Webhook } from 'standardwebhooks';

const TIMEOUT_MS = 15_000;

export interface SendOptions {
  readonly url: string;
  readonly secret: string;
  /** Id of the message: the same at each attempt. */
  readonly id: string;
  readonly body: string;
  /** Also addresses that are not of the public internet. */
  readonly allowPrivate: boolean;
}

export type Answer = { readonly status: number } | { readonly error: string };

/**
 * Posts a message, signed by the standard-webhooks scheme. Any answer counts, redirects are not followed, its body is not read. The agent
 * resolves the name, refuses addresses that are not public, and connects to the address that it has looked at: a name that resolves to
 * another one the next moment gains nothing. Never throws.
 */
export function sendWebhook({ url, secret, id, body, allowPrivate }: SendOptions): Promise<Answer> {
  const secure = new URL(url).protocol === 'https:';
  const filter = { allowPrivateIPAddress: allowPrivate, allowMetaIPAddress: allowPrivate };
  const agent = secure ? new RequestFilteringHttpsAgent(filter) : new RequestFilteringHttpAgent(filter);
  const now = new Date();
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'Cinegraph-Webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const request = (secure ? httpsRequest : httpRequest)(url, { method: 'POST', headers, agent, signal }, (response) => {
      resolve({ status: response.statusCode ?? 0 });
      response.destroy();
    });
    request.on('error', (error) => resolve({ error: signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : error.message }));
    request.end(body);
  });
}
