/** Does one execution provider load the bundle, pass the self-check and agree with the CPU? */
import { openBundle } from './core/bundle.ts';
import { findRefusals, TOLERANCE } from './graph-trials.ts';
import { openModels } from './open-models.ts';
import type { ExecutionProvider } from './runtime/graph-session.ts';
import type { ProviderReport } from './runtime/provider-choice.ts';

/** Throws what onnxruntime, or the bundle, throws. */
export async function tryProvider(dir: string, provider: ExecutionProvider, threads: number): Promise<ProviderReport> {
  const bundle = await openBundle(dir);
  const options = { provider, threads };
  const refusals = await findRefusals(bundle, options);
  const models = await openModels(bundle, { ...options, onCpu: new Set(refusals.map(({ file }) => file)) });
  const reference = await openModels(bundle, { provider: 'cpu', threads });
  const largest = reference.check.logits.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const worst = reference.check.logits.reduce((max, value, i) => Math.max(max, Math.abs(value - (models.check.logits[i] as number))), 0);
  if (!(worst <= TOLERANCE * largest)) return { usable: false, reason: `its logits differ from the CPU's by ${worst.toPrecision(3)}` };
  return { usable: true, stepMs: models.check.stepMs, cpuStepMs: reference.check.stepMs, refusals };
}
