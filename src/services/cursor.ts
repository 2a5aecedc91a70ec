import { CinegraphError } from '../errors.ts';
import type { Page, PageInput } from './contract.ts';

/** Where a page ends: lists are ordered by (createdAt, id), so that equal times have an order too. */
export interface Position {
  readonly createdAt: Date;
  readonly id: string;
}

/** A page to read: `count` nodes on the far side of `from`, away from it when forward, towards the start of the list otherwise. */
export interface PageRequest {
  readonly count: number;
  readonly forward: boolean;
  readonly from: Position | undefined;
}

const CURSOR = /^k1:(\d{1,13}):([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
export const MOST_PER_PAGE = 100;

export function encodeCursor({ createdAt, id }: Position): string {
  return Buffer.from(`k1:${createdAt.getTime()}:${id}`).toString('base64url');
}

/** Throws INVALID_CURSOR for anything that {@link encodeCursor} did not make. */
export function decodeCursor(cursor: string, field: 'after' | 'before'): Position {
  const [, time, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const createdAt = new Date(Number(time));
  if (id === undefined || Number.isNaN(createdAt.getTime()) || encodeCursor({ createdAt, id }) !== cursor) {
    throw new CinegraphError('INVALID_CURSOR', undefined, { field: [field] });
  }
  return { createdAt, id };
}

/** `first` with `after`, or `last` with `before`. Throws PAGE_SIZE_OUT_OF_RANGE, INVALID_CURSOR or INVALID_INPUT. */
export function parsePage({ first = null, after = null, last = null, before = null }: PageInput): PageRequest {
  const forward = last === null;
  if (!forward && first !== null) throw new CinegraphError('INVALID_INPUT', 'Give first or last, not both.', { field: ['last'] });
  const [stray, strayField] = forward ? [before, 'before'] : [after, 'after'];
  if (stray !== null) throw new CinegraphError('INVALID_INPUT', `${strayField} goes with ${forward ? 'last' : 'first'}.`, { field: [strayField] });
  const [count, sizeField] = forward ? [first, 'first'] : [last, 'last'];
  if (count === null || !Number.isInteger(count) || count < 1 || count > MOST_PER_PAGE) {
    throw new CinegraphError('PAGE_SIZE_OUT_OF_RANGE', `${sizeField} must be from 1 to ${MOST_PER_PAGE}.`, { field: [sizeField] });
  }
  const cursor = forward ? after : before;
  return { count, forward, from: cursor === null ? undefined : decodeCursor(cursor, forward ? 'after' : 'before') };
}

interface Side<T> {
  readonly lt?: T;
  readonly gt?: T;
}

/** A Prisma condition: older than the cursor when paging forward (the newest comes first), newer otherwise. */
export function behind({ from, forward }: PageRequest): { OR?: ({ createdAt: Side<Date> } | { createdAt: Date; id: Side<string> })[] } {
  if (from === undefined) return {};
  const { createdAt, id } = from;
  const side = <T>(value: T): Side<T> => (forward ? { lt: value } : { gt: value });
  return { OR: [{ createdAt: side(createdAt) }, { createdAt, id: side(id) }] };
}

/** A page from up to count + 1 nodes in the order they were read; the extra one only tells that there is more. */
export function toPage<T extends Position>(nodes: readonly T[], { count, forward, from }: PageRequest): Page<T> {
  const more = nodes.length > count;
  const kept = nodes.slice(0, count);
  const edges = (forward ? kept : kept.toReversed()).map(node => ({ cursor: encodeCursor(node), node }));
  return forward ? { edges, hasNextPage: more, hasPreviousPage: from !== undefined } : { edges, hasNextPage: from !== undefined, hasPreviousPage: more };
}
