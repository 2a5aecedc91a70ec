/** The API key that the page sends. Held in memory; kept for a reload of this tab only where somebody asked for it. Never in localStorage. */
export interface Credentials {
  readonly key: string | null;
  /** The server wants a key, and has none or a wrong one. */
  readonly refused: boolean;
  /** The key outlives a reload of this tab. */
  readonly kept: boolean;
}

export interface CredentialStore {
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  snapshot(): Credentials;
  use(key: string, keep: boolean): void;
  forget(): void;
  /** To be told of every HTTP answer: 401 asks for a key. */
  onStatus(status: number, sent: string | null): void;
}

const NAME = 'cinegraph.key';
const UNAUTHORIZED = 401;

/** @param storage of the tab; null where the browser forbids it */
export function createCredentialStore(storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null): CredentialStore {
  const listeners = new Set<() => void>();
  const stored = storage?.getItem(NAME) ?? null;
  let state: Credentials = { key: stored, refused: false, kept: stored !== null };
  const set = (next: Credentials) => {
    state = next;
    for (const listener of listeners) listener();
  };
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => state,
    use(key, keep) {
      if (keep) storage?.setItem(NAME, key);
      else storage?.removeItem(NAME);
      set({ key, refused: false, kept: keep && storage !== null });
    },
    forget() {
      storage?.removeItem(NAME);
      set({ key: null, refused: false, kept: false });
    },
    onStatus(status, sent) {
      // The answer to a request that left before the key was changed says nothing about the new one.
      if (status === UNAUTHORIZED && !state.refused && sent === state.key) set({ ...state, refused: true });
    },
  };
}

/** Private windows and strict settings forbid it. */
export function tabStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
