/** Short-lived child process: does one execution provider load the bundle, pass the self-check and agree with the CPU? */
import { openBundle } from './core/bundle.ts';
import { findRefusals, TOLERANCE } from './graph-trials.ts';
import { openModels } from './open-models.ts';
import { endWithParent } from './runtime/end-with-parent.ts';
import type { ExecutionProvider } from './runtime/graph-session.ts';
import type { ProviderReport } from './runtime/provider-choice.ts';

await endWithParent();
const [bundleDir = '', provider = 'cpu', threads = '1'] = process.argv.slice(2);
process.send?.(await probe(bundleDir, provider as ExecutionProvider, Number(threads)), () => process.exit(0));

async function probe(dir: string, name: ExecutionProvider, threadCount: number): Promise<ProviderReport> {
  try {
    const bundle = await openBundle(dir);
    const options = { provider: name, threads: threadCount };
    const refusals = await findRefusals(bundle, options);
    const models = await openModels(bundle, { ...options, onCpu: new Set(refusals.map(({ file }) => file)) });
    const reference = await openModels(bundle, { provider: 'cpu', threads: threadCount });
    const largest = reference.check.logits.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const worst = reference.check.logits.reduce((max, value, i) => Math.max(max, Math.abs(value - (models.check.logits[i] as number))), 0);
    if (!(worst <= TOLERANCE * largest)) return { usable: false, reason: `its logits differ from the CPU's by ${worst.toPrecision(3)}` };
    return { usable: true, stepMs: models.check.stepMs, cpuStepMs: reference.check.stepMs, refusals };
  } catch (error) {
    return { usable: false, reason: firstLine(error) };
  }
}

/** onnxruntime's messages begin with a source location of its own build; the reason comes after it. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().split('\n')[0] ?? '';
  return line.replace(/^\/\S+\.(?:cc|h):\d+\s.*?(?=\b(?:Failed|Failure|adapter_result|CUDA)\b)/, '');
}
