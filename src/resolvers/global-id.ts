import { CinegraphError } from '../errors.ts';
import { encodeNodeId } from '../node-id.ts';

const TYPES = ['Job', 'Asset', 'Model', 'ApiKey', 'Upload', 'Webhook', 'WebhookDelivery'] as const;
export type NodeType = (typeof TYPES)[number];

export interface NodeRef {
  readonly type: NodeType;
  readonly key: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MODEL_NAME = /^[\w.-]{1,100}$/;

export function toGlobalId(type: NodeType, key: string): string {
  return encodeNodeId(type, key);
}

/** Throws INVALID_ID for anything that {@link toGlobalId} did not make. */
export function fromGlobalId(id: string, field: readonly string[]): NodeRef {
  const text = id.length <= 256 ? Buffer.from(id, 'base64url').toString('utf8') : '';
  const colon = text.indexOf(':');
  const type = TYPES.find((candidate) => candidate === text.slice(0, colon));
  const key = text.slice(colon + 1);
  const wellFormed = type === 'Model' ? MODEL_NAME.test(key) : UUID.test(key);
  if (type === undefined || !wellFormed || toGlobalId(type, key) !== id) throw new CinegraphError('INVALID_ID', undefined, { field });
  return { type, key };
}

/** The key of an id that must be of one type. Throws INVALID_ID. */
export function keyOf(type: NodeType, id: string, field: readonly string[]): string {
  const ref = fromGlobalId(id, field);
  if (ref.type !== type) {
    throw new CinegraphError('INVALID_ID', `This is the id of ${withArticle(ref.type)}; the id of ${withArticle(type)} is needed.`, { field });
  }
  return ref.key;
}

function withArticle(type: NodeType): string {
  return `${type.startsWith('A') ? 'an' : 'a'} ${type}`;
}
