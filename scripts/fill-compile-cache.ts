/** Compiles what `npm start` loads, so that the first start finds it in the compile cache. */
import { useCompileCache } from '../src/compile-cache.ts';

useCompileCache();
// Each begins a process, or is loaded late by one.
for (const module of ['app', 'open-backend', 'server/server', 'server/worker-server', 'server/pages/studio-build', 'db/database', 'generated/prisma/client', 'db/embedded/embedded-postgres', 'inference/ipc/inference-host', 'media/encoder-process']) {
  await import(`../src/${module}.ts`);
}
await import('@prisma/adapter-pg');
// What was compiled is kept when a process ends; one of them listens for more to do.
process.exit(0);
