/** Chooses the execution provider. Each one is tried by itself in a process of its own; nothing falls back silently. */
import { z } from 'zod';
import { CinegraphError } from '../../errors.ts';
import { keep, readKept, type KeptFile } from '../core/kept-file.ts';
import type { ExecutionProvider } from './graph-session.ts';

export type ProviderSetting = ExecutionProvider | 'auto';

/** A graph that does not run on the device, and why: it runs on the processor. */
export interface Refusal {
  /** In the bundle. */
  readonly file: string;
  readonly reason: string;
}

/** What a trial run of one provider found. */
export type ProviderReport =
  | { readonly usable: true; readonly stepMs: number; readonly cpuStepMs: number; readonly refusals: readonly Refusal[] }
  | { readonly usable: false; readonly reason: string };

export interface ProviderChoice {
  readonly provider: ExecutionProvider;
  /** Graphs that run on the processor all the same. */
  readonly onCpu: ReadonlySet<string>;
  /** Why a better one was not taken, or not for all graphs, one line each. */
  readonly notes: readonly string[];
}

/** Tries a provider on the bundle's graphs. Never throws. */
export type ProviderProbe = (provider: ExecutionProvider) => Promise<ProviderReport>;

const ACCELERATORS = ['cuda', 'webgpu'] as const satisfies readonly ExecutionProvider[];

const keptSchema = z.object({ notes: z.array(z.string()) });

/**
 * `auto` takes the fastest that passes, `cpu` needs no trial. Throws PROVIDER_UNAVAILABLE when the one asked for does not pass. `kept`: where it is kept that `auto` has
 * found nothing better than the processor; a device that is used is tried at each start, in case its driver is another.
 */
export async function chooseProvider(setting: ProviderSetting, probe: ProviderProbe, kept?: KeptFile): Promise<ProviderChoice> {
  if (setting === 'cpu') return { provider: 'cpu', onCpu: new Set(), notes: [] };
  if (setting !== 'auto') {
    const report = await probe(setting);
    if (report.usable) return chosen(setting, report.refusals, []);
    throw new CinegraphError('PROVIDER_UNAVAILABLE', `The execution provider ${setting} cannot be used on this machine: ${report.reason}`);
  }
  const known = kept === undefined ? undefined : await readKept(kept, keptSchema);
  if (known !== undefined) return { provider: 'cpu', onCpu: new Set(), notes: known.notes };
  const reports = await Promise.all(ACCELERATORS.map(async (provider) => ({ provider, report: await probe(provider) })));
  const notes: string[] = [];
  let best: { readonly provider: ExecutionProvider; readonly stepMs: number; readonly refusals: readonly Refusal[] } | undefined;
  for (const { provider, report } of reports) {
    if (!report.usable) notes.push(`${provider}: ${report.reason}`);
    else if (report.stepMs >= Math.min(report.cpuStepMs, best?.stepMs ?? Infinity)) {
      notes.push(`${provider}: works, but a step takes ${report.stepMs.toFixed(1)} ms (cpu: ${report.cpuStepMs.toFixed(1)} ms)`);
    } else best = { provider, stepMs: report.stepMs, refusals: report.refusals };
  }
  if (best !== undefined) return chosen(best.provider, best.refusals, notes);
  if (kept !== undefined) await keep(kept, { notes });
  return { provider: 'cpu', onCpu: new Set(), notes };
}

function chosen(provider: ExecutionProvider, refusals: readonly Refusal[], notes: readonly string[]): ProviderChoice {
  return { provider, onCpu: new Set(refusals.map(({ file }) => file)), notes: [...notes, ...refusals.map(({ file, reason }) => `${provider}: ${file} runs on the cpu, ${reason}`)] };
}
