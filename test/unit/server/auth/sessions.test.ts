import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSessions } from '../../../../src/server/auth/sessions.ts';
import { type Caller, LOCAL_CALLER } from '../../../../src/services/access/caller.ts';
import type { ApiKeyService, KeyWatcher } from '../../../../src/services/contract.ts';
import { createFakeServices } from '../../../support/fake-services.ts';

const DAY_MS = 86_400_000;
const holder = (keyId: string, expiresAt: Date | null = null): Caller => ({ ...LOCAL_CALLER, ownerId: 'ada', credential: { type: 'API_KEY', keyId }, expiresAt });

describe('sessions', () => {
  let watcher: KeyWatcher | undefined;
  let usable: ReadonlySet<string>;
  const keys: ApiKeyService = {
    ...createFakeServices().keys,
    usable: async () => usable,
    watch(given) {
      watcher = given;
      return () => void (watcher = undefined);
    },
  };
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  it.each([1, 24, 25, 400])('end when a credential of %d days expires, and not before', (days) => {
    const end = vi.fn<() => void>();
    createSessions(10, () => keys).open(holder('k', new Date(Date.now() + days * DAY_MS)), end);
    vi.advanceTimersByTime(days * DAY_MS - 1);
    expect(end).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(end).toHaveBeenCalledOnce();
  });

  it('end once, and not after they were left', () => {
    const sessions = createSessions(10, () => keys);
    const [ended, left] = [vi.fn<() => void>(), vi.fn<() => void>()];
    sessions.open(holder('k', new Date(Date.now() + 1000)), ended);
    sessions.open(holder('k', new Date(Date.now() + 1000)), left)();
    watcher?.revoked('k');
    vi.advanceTimersByTime(5000);
    expect([ended.mock.calls.length, left.mock.calls.length]).toEqual([1, 0]);
  });

  it('look again when news of revoked keys may have been lost', async () => {
    const sessions = createSessions(10, () => keys);
    const [good, bad, local] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()];
    sessions.open(holder('good'), good);
    sessions.open(holder('bad'), bad);
    sessions.open(LOCAL_CALLER, local);
    usable = new Set(['good']);
    watcher?.recheck();
    await vi.waitFor(() => expect(bad).toHaveBeenCalledOnce());
    expect([good.mock.calls.length, local.mock.calls.length]).toEqual([0, 0]);
  });

  it('are bounded for each owner, whichever of its keys it uses', () => {
    const sessions = createSessions(2, () => keys);
    const leave = sessions.open(holder('one'), vi.fn<() => void>());
    sessions.open(holder('two'), vi.fn<() => void>());
    expect(() => sessions.open(holder('three'), vi.fn<() => void>())).toThrowError(expect.objectContaining({ code: 'TOO_MANY_CONNECTIONS' }));
    sessions.open(LOCAL_CALLER, vi.fn<() => void>());
    leave();
    sessions.open(holder('three'), vi.fn<() => void>());
  });

  it('stop watching when they are closed', () => {
    const sessions = createSessions(2, () => keys);
    const end = vi.fn<() => void>();
    sessions.open(holder('one', new Date(Date.now() + 1000)), end);
    expect(watcher).toBeDefined();
    sessions.close();
    expect([watcher, vi.getTimerCount()]).toEqual([undefined, 0]);
    expect(end).not.toHaveBeenCalled();
  });
});
