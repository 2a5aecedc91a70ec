import { StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { RelayEnvironmentProvider } from 'react-relay';
import { Clips } from './clips.tsx';
import { createEnvironment } from './environment.ts';
import { Make } from './progress.tsx';

const { VITE_CINEGRAPH_URL: url = 'http://localhost:4000' } = (import.meta as { readonly env?: Readonly<Record<string, string>> }).env ?? {};
const app = document.getElementById('app');
if (app === null) throw new Error('index.html has no #app.');

createRoot(app).render(
  <StrictMode>
    <RelayEnvironmentProvider environment={createEnvironment(url)}>
      <h1>Relay on Cinegraph</h1>
      <Make prompt="a rocket moves up at night" />
      <h2>Clips</h2>
      <Suspense fallback="Loading...">
        <Clips />
      </Suspense>
    </RelayEnvironmentProvider>
  </StrictMode>,
);
