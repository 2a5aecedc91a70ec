/** Opens an inference client, tells its process id, and waits to be killed. */
import { createInferenceClient } from '../../src/inference/index.ts';

const client = createInferenceClient({ bundleDir: process.argv[2] ?? '', provider: 'cpu', threads: 1 });
await client.ready();
process.send?.(client.pid);
