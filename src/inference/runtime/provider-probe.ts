/** Runs src/inference/probe.ts for one provider: a driver that aborts the process takes only the probe with it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ExecutionProvider } from './graph-session.ts';
import type { ProviderReport } from './provider-choice.ts';

const PROBE = fileURLToPath(new URL('../probe.ts', import.meta.url));
/** A driver that has to compile its shaders first takes its time. */
const DEADLINE_MS = 300_000;

const reportSchema = z.discriminatedUnion('usable', [
  z.object({ usable: z.literal(true), stepMs: z.number(), cpuStepMs: z.number(), refusals: z.array(z.object({ file: z.string(), reason: z.string() })) }),
  z.object({ usable: z.literal(false), reason: z.string() }),
]);

/** Tries `provider` on the bundle. Never throws; a probe that hangs is killed at its deadline. */
export async function probeProvider(bundleDir: string, provider: ExecutionProvider, threads: number): Promise<ProviderReport> {
  const child = fork(PROBE, [bundleDir, provider, String(threads)], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  try {
    return await new Promise<ProviderReport>((resolve) => {
      child.once('message', (message) => {
        const parsed = reportSchema.safeParse(message);
        resolve(parsed.success ? parsed.data : { usable: false, reason: 'its trial run gave no readable report' });
      });
      child.once('error', (error) => resolve({ usable: false, reason: `its trial run did not start (${error.message})` }));
      child.once('exit', (code, signal) => resolve({ usable: false, reason: `its trial run was ended by ${signal ?? `exit code ${code}`}` }));
    });
  } finally {
    clearTimeout(deadline);
    child.kill('SIGKILL');
  }
}
