import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createCinegraphClient } from '../../src/client/index.ts';
import { App } from './app/app.tsx';
import { StudioProvider } from './app/studio-context.ts';
import { createJobStore } from './live/job-store.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';

const client = createCinegraphClient({ url: location.origin });
const jobs = createJobStore(client);
const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 5_000, gcTime: 60_000, retry: 1, refetchOnWindowFocus: false } } });

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <StudioProvider value={{ client, jobs }}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StudioProvider>
  </StrictMode>,
);
