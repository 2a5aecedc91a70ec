/** Short-lived child process: is there a device at all, and does the bundle run on it as it does on the CPU? */
import { endWithParent } from './runtime/end-with-parent.ts';
import { openSmallestGraph, type ExecutionProvider } from './runtime/graph-session.ts';
import type { ProviderReport } from './runtime/provider-choice.ts';

await endWithParent();
const [bundleDir = '', provider = 'cpu', threads = '1'] = process.argv.slice(2);
process.send?.(await probe(bundleDir, provider as ExecutionProvider, Number(threads)), () => process.exit(0));

async function probe(dir: string, name: ExecutionProvider, threadCount: number): Promise<ProviderReport> {
  try {
    // Most machines have none: then nothing else is loaded.
    await openSmallestGraph(name);
    const { tryProvider } = await import('./provider-trial.ts');
    return await tryProvider(dir, name, threadCount);
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
