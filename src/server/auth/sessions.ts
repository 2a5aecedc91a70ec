import { CinegraphError } from '../../errors.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { ApiKeyService } from '../../services/contract.ts';

/** Longest delay that setTimeout takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Sockets and streams that outlive the request they began with. Owner: the server, which closes it. */
export interface Sessions {
  /** `end` is called once, when the credential expires or is revoked. Returns what to call when the connection is gone. Throws TOO_MANY_CONNECTIONS. */
  open(caller: Caller, end: () => void): () => void;
  close(): void;
}

interface Session {
  readonly caller: Caller;
  readonly end: () => void;
  timer: NodeJS.Timeout | undefined;
}

/** mostPerOwner: connections that the keys and tokens of one owner may hold together. */
export function createSessions(mostPerOwner: number, keys: () => ApiKeyService): Sessions {
  const open = new Set<Session>();
  let unwatch: (() => void) | undefined;

  function finish(session: Session): void {
    if (!open.delete(session)) return;
    clearTimeout(session.timer);
    session.end();
  }

  function armExpiry(session: Session): void {
    const { expiresAt } = session.caller;
    if (expiresAt === null) return;
    const left = expiresAt.getTime() - Date.now();
    session.timer = setTimeout(() => (left > LONGEST_TIMER_MS ? armExpiry(session) : finish(session)), Math.min(Math.max(left, 0), LONGEST_TIMER_MS)).unref();
  }

  const withKey = (test: (keyId: string) => boolean): Session[] =>
    [...open].filter(({ caller: { credential } }) => credential.type === 'API_KEY' && test(credential.keyId));

  async function recheck(): Promise<void> {
    const ids = withKey(() => true).flatMap(({ caller: { credential } }) => (credential.type === 'API_KEY' ? [credential.keyId] : []));
    if (ids.length === 0) return;
    const usable = await keys().usable([...new Set(ids)]);
    for (const session of withKey((keyId) => ids.includes(keyId) && !usable.has(keyId))) finish(session);
  }

  function watch(): void {
    unwatch ??= keys().watch({
      revoked(keyId) {
        for (const session of withKey((id) => id === keyId)) finish(session);
      },
      // The database is away again: its return brings another recheck.
      recheck: () => void recheck().catch(() => undefined),
    });
  }

  return {
    open(caller, end) {
      const held = [...open].filter((session) => session.caller.ownerId === caller.ownerId).length;
      if (held >= mostPerOwner) throw new CinegraphError('TOO_MANY_CONNECTIONS', `${held} sockets and streams of this owner are open; ${mostPerOwner} are allowed.`);
      const session: Session = { caller, end, timer: undefined };
      open.add(session);
      if (caller.credential.type === 'API_KEY') watch();
      armExpiry(session);
      return () => {
        clearTimeout(session.timer);
        open.delete(session);
      };
    },
    close() {
      unwatch?.();
      for (const session of open) clearTimeout(session.timer);
      open.clear();
    },
  };
}
