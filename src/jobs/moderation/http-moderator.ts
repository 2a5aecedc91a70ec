import { z } from 'zod';
import type { Moderator } from './moderator.ts';

/** An answer is short. */
const MOST_BYTES = 65_536;

export interface HttpModeratorOptions {
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token: string | undefined;
}

const answer = z.object({ allowed: z.boolean(), reason: z.string().optional(), categories: z.array(z.string()).optional() });

/** Asks an endpoint: POST of the question as JSON, the results' bytes in base64; it answers `{ allowed, reason?, categories? }` with status 200. Redirects are not followed. */
export function httpModerator({ url, token }: HttpModeratorOptions): Moderator {
  return async ({ results, ...question }, signal) => {
    const body = JSON.stringify({ ...question, results: results.map(({ bytes, ...result }) => ({ ...result, base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') })) });
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
    if (response.status !== 200) throw new Error(`the endpoint answered ${response.status}`);
    return answer.parse(JSON.parse(await shortText(response)));
  };
}

async function shortText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MOST_BYTES) throw new Error('the endpoint answered too much');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
