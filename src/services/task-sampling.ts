import type { BundleInfo, GenerationTask, SamplingParams } from '../inference/core/generation.ts';

/** How a task's tokens are drawn when the caller does not say: the task's own way, or that of what it makes. */
export function samplingOf(task: GenerationTask, { sampling, taskSampling, audio, caption }: BundleInfo): SamplingParams {
  const ofKind = task.endsWith('_TO_AUDIO') ? audio?.sampling : task.endsWith('_TO_TEXT') ? caption?.sampling : undefined;
  return taskSampling[task] ?? ofKind ?? sampling;
}
