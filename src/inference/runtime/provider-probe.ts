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

export interface ProbeOptions {
  readonly bundleDir: string;
  readonly threads: number;
  /** Takes the bundle's folder, the provider and the threads as arguments and sends one {@link ProviderReport}. Default: src/inference/probe.ts. */
  readonly program?: string;
  /** {@link DEADLINE_MS}. */
  readonly deadlineMs?: number;
}

/** Tries `provider` on the bundle. Never throws; a probe that hangs is killed at its deadline, and none is left when it resolves. */
export async function probeProvider(provider: ExecutionProvider, { bundleDir, threads, program = PROBE, deadlineMs = DEADLINE_MS }: ProbeOptions): Promise<ProviderReport> {
  const child = fork(program, [bundleDir, provider, String(threads)], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, deadlineMs);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`did not start (${error.message})`));
    child.once('exit', (code, signal) => {
      const how = late ? `did not end within ${deadlineMs / 1000} s` : `was ended by ${signal ?? `exit code ${code}`}`;
      // What it said last may still be on its way.
      if (child.connected) child.once('disconnect', () => resolve(how));
      else resolve(how);
    });
  });
  try {
    return await new Promise<ProviderReport>((resolve) => {
      child.once('message', (message) => {
        const parsed = reportSchema.safeParse(message);
        resolve(parsed.success ? parsed.data : { usable: false, reason: 'its trial run gave no readable report' });
      });
      void ended.then((how) => resolve({ usable: false, reason: `its trial run ${how}` }));
    });
  } finally {
    clearTimeout(deadline);
    child.kill('SIGKILL');
    await ended;
  }
}
