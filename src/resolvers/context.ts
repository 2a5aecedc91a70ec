import { createLoaders, type Loaders } from '../loaders/loaders.ts';
import type { Caller } from '../services/access/caller.ts';
import type { Services, UrlSigner } from '../services/contract.ts';

/** What every resolver may use. One per operation. */
export interface Context {
  readonly viewer: Caller;
  readonly services: Services;
  readonly urls: UrlSigner;
  readonly loaders: Loaders;
  /** Forgets what was loaded; a subscription calls it at each event. */
  renewLoaders(): void;
}

export function createContext(services: Services, urls: UrlSigner, viewer: Caller): Context {
  let loaders = createLoaders(services, viewer);
  return {
    viewer,
    services,
    urls,
    get loaders() {
      return loaders;
    },
    renewLoaders() {
      loaders = createLoaders(services, viewer);
    },
  };
}
