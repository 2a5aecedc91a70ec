import { createLoaders, type Loaders } from '../loaders/loaders.ts';
import type { Caller } from '../services/access/caller.ts';
import type { Standing } from '../services/access/standing.ts';
import type { Services, UrlSigner } from '../services/contract.ts';

/** What every resolver may use. One per operation. */
export interface Context {
  readonly viewer: Caller;
  readonly services: Services;
  readonly urls: UrlSigner;
  readonly standing: Standing;
  /** When to try again what was refused for now, in ms: the longest time that a mutation of this operation named. */
  retryAfterMs: number | undefined;
  readonly loaders: Loaders;
  /** Forgets what was loaded; a subscription calls it at each event. */
  renewLoaders(): void;
}

export function createContext(services: Services, urls: UrlSigner, viewer: Caller, standing: Standing): Context {
  let loaders: Loaders | undefined;
  return {
    viewer,
    services,
    urls,
    standing,
    retryAfterMs: undefined,
    get loaders() {
      return (loaders ??= createLoaders(services, viewer));
    },
    renewLoaders() {
      loaders = undefined;
    },
  };
}
