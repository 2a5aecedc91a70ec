import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { CinegraphClientError, createCinegraphClient } from '../../src/client/index.ts';
import { createCredentialStore, tabStorage } from './access/credentials.ts';
import { App } from './app/app.tsx';
import { StudioProvider } from './app/studio-context.ts';
import { createJobStore } from './live/job-store.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';

const credentials = createCredentialStore(tabStorage());
const client = createCinegraphClient({
  url: location.origin,
  token: () => credentials.snapshot().key,
  async fetch(input, init) {
    const { key } = credentials.snapshot();
    const response = await fetch(input, init);
    credentials.onStatus(response.status, key);
    return response;
  },
});
const jobs = createJobStore(client);
/** Once, unless the same question would get the same answer. */
const retry = (failures: number, error: unknown) => failures < 1 && !(error instanceof CinegraphClientError && !error.retryable);
/** A browser that is offline may well reach a server on its own machine: what cannot be asked says so itself. */
const networkMode = 'always';
const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 5_000, gcTime: 60_000, retry, networkMode, refetchOnWindowFocus: false } } });

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <StudioProvider value={{ client, jobs, credentials }}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StudioProvider>
  </StrictMode>,
);
