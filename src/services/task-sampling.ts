import type { BundleInfo, GenerationTask, SamplingParams } from '../inference/core/generation.ts';

/** How a task's tokens are drawn when the caller does not say: the task's own way, or that of what it makes. */
export function samplingOf(task: GenerationTask, { sampling, taskSampling, audio, caption }: BundleInfo): SamplingParams {
  return taskSampling[task] ?? SAMPLING_OF[task]?.({ audio, caption }) ?? sampling;
}

type Makers = Pick<BundleInfo, 'audio' | 'caption'>;

const ofSound = ({ audio }: Makers): SamplingParams | undefined => audio?.sampling;
const ofText = ({ caption }: Makers): SamplingParams | undefined => caption?.sampling;

const SAMPLING_OF: Readonly<Partial<Record<GenerationTask, (bundle: Makers) => SamplingParams | undefined>>> = {
  TEXT_TO_AUDIO: ofSound,
  VIDEO_TO_AUDIO: ofSound,
  VIDEO_TO_TEXT: ofText,
  AUDIO_TO_TEXT: ofText,
};
