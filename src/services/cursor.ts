import { CinegraphError } from '../errors.ts';
import type { Page, PageInput } from './contract.ts';

/** Where a page ends: lists are ordered by (createdAt, id), so that equal times have an order too. */
export interface Position {
  readonly createdAt: Date;
  readonly id: string;
}

const CURSOR = /^k1:(\d{1,15}):([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
export const MOST_PER_PAGE = 100;

export function encodeCursor({ createdAt, id }: Position): string {
  return Buffer.from(`k1:${createdAt.getTime()}:${id}`).toString('base64url');
}

/** Throws INVALID_CURSOR for anything that {@link encodeCursor} did not make. */
export function decodeCursor(cursor: string): Position {
  const [, time, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const createdAt = new Date(Number(time));
  if (id === undefined || Number.isNaN(createdAt.getTime()) || encodeCursor({ createdAt, id }) !== cursor) {
    throw new CinegraphError('INVALID_CURSOR', undefined, { field: ['after'] });
  }
  return { createdAt, id };
}

/** Throws PAGE_SIZE_OUT_OF_RANGE or INVALID_CURSOR. */
export function parsePage({ first, after }: PageInput): { readonly first: number; readonly after: Position | undefined } {
  if (!Number.isInteger(first) || first < 1 || first > MOST_PER_PAGE) throw new CinegraphError('PAGE_SIZE_OUT_OF_RANGE', undefined, { field: ['first'] });
  return { first, after: after === null ? undefined : decodeCursor(after) };
}

/** A page from up to first + 1 nodes in order; the extra one only tells that there is more. */
export function toPage<T extends Position>(nodes: readonly T[], first: number): Page<T> {
  return { edges: nodes.slice(0, first).map(node => ({ cursor: encodeCursor(node), node })), hasNextPage: nodes.length > first };
}
