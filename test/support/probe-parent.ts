/** Runs a probe that hangs, and waits to be killed. */
import { probeProvider } from '../../src/inference/runtime/provider-probe.ts';

const [bundleDir = '', program = ''] = process.argv.slice(2);
await probeProvider('webgpu', { bundleDir, threads: 1, program });
