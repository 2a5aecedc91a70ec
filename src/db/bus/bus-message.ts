import { z } from 'zod';
import type { BusMessage } from './frame-bus.ts';

const message = z.union([
  z.object({ from: z.string(), type: z.literal('event'), job: z.string(), seq: z.number().int(), owner: z.string().optional() }),
  z.object({ from: z.string(), type: z.literal('cancel'), job: z.string() }),
  z.object({ from: z.string(), type: z.literal('revoked'), key: z.string() }),
]);

/** `from` names the process: it skips its own messages when they come back. */
export function encodeMessage(from: string, news: BusMessage): string {
  return JSON.stringify({ from, ...news, stored: undefined });
}

/** Undefined for what is not ours. */
export function decodeMessage(text: string): { readonly from: string; readonly news: BusMessage } | undefined {
  const parsed = message.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { from, ...news } = parsed.data;
  return { from, news };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
