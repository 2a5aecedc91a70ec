import { createContext, use } from 'react';
import type { CinegraphClient } from '../../../src/client/index.ts';
import type { CredentialStore } from '../access/credentials.ts';
import type { JobStore } from '../live/job-store.ts';

/** What lives as long as the page. */
export interface Studio {
  readonly client: CinegraphClient;
  readonly jobs: JobStore;
  readonly credentials: CredentialStore;
}

const StudioContext = createContext<Studio | null>(null);

export const StudioProvider = StudioContext.Provider;

export function useStudio(): Studio {
  const studio = use(StudioContext);
  if (studio === null) throw new Error('useStudio needs a StudioProvider');
  return studio;
}
