import { parse, type ExecutionResult } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import type { Context } from '../../../src/resolvers/context.ts';
import { formOf, SharedResults } from '../../../src/server/graphql/shared-results.ts';
import { type Caller, LOCAL_CALLER } from '../../../src/services/access/caller.ts';

const contextOf = (viewer: Partial<Caller> = {}, baseUrl = 'http://a'): Context => ({ viewer: { ...LOCAL_CALLER, ...viewer }, urls: { baseUrl } }) as unknown as Context;
const operation = (changes: Partial<Parameters<typeof formOf>[0]> = {}): string =>
  formOf({ schema: {} as never, document: parse('subscription A { a }'), variableValues: { id: 1 }, contextValue: contextOf(), ...changes });

describe('the form of an operation', () => {
  it('is the same for the same operation of the same caller', () => {
    expect(operation({ contextValue: contextOf({ scopes: new Set(LOCAL_CALLER.scopes) }) })).toBe(operation());
  });

  it.each([
    ['document', { document: parse('subscription A { b }') }],
    ['name', { operationName: 'A' }],
    ['variables', { variableValues: { id: 2 } }],
    ['owner', { contextValue: contextOf({ ownerId: 'ada' }) }],
    ['role', { contextValue: contextOf({ role: 'USER' }) }],
    ['scopes', { contextValue: contextOf({ scopes: new Set(['READ']) }) }],
    ['credential', { contextValue: contextOf({ credential: { type: 'API_KEY', keyId: 'k' } }) }],
    ['end of the credential', { contextValue: contextOf({ expiresAt: new Date(1) }) }],
    ['address', { contextValue: contextOf({}, 'http://b') }],
  ] as const)('is another for another %s', (_what, changes) => {
    expect(operation(changes)).not.toBe(operation());
  });
});

describe('shared results', () => {
  it('are computed once for each event and form, and anew when they are old', () => {
    vi.useFakeTimers();
    try {
      const shared = new SharedResults();
      const [event, other] = [{}, {}];
      let computed = 0;
      const ask = (of: object, form: string): ExecutionResult => shared.of(of, form, () => ({ data: { number: ++computed } })) as ExecutionResult;
      expect([ask(event, 'a'), ask(event, 'a'), ask(event, 'b'), ask(other, 'a')].map(({ data }) => data?.['number'])).toEqual([1, 1, 2, 3]);
      vi.advanceTimersByTime(1_000);
      expect(ask(event, 'a').data).toEqual({ number: 4 });
      expect(vi.getTimerCount()).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
