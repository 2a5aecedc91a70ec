import type { ModelResolvers } from '../generated/graphql.ts';
import { samplingOf } from '../services/task-sampling.ts';
import { toGlobalId } from './global-id.ts';

const MAX_CANDIDATES = 4;

export const Model: ModelResolvers = {
  id: (model) => toGlobalId('Model', model.name),
  description: ({ bundle }) => bundle?.description ?? null,
  digest: ({ bundle }) => bundle?.digest ?? null,
  tasks: ({ bundle }) => [...(bundle?.tasks ?? [])],
  styles: ({ bundle }) => [...(bundle?.styles ?? [])],
  limits: ({ bundle }) =>
    bundle === null
      ? null
      : {
          width: bundle.width,
          height: bundle.height,
          upscaled: bundle.upscaled,
          fps: bundle.fps,
          frameCount: bundle.frameCount,
          durationMs: Math.round((bundle.frameCount * 1000) / bundle.fps),
          maxPromptCharacters: bundle.maxPromptCharacters,
          maxCandidates: MAX_CANDIDATES,
          soundMs: bundle.audio === null ? null : Math.round((1000 * bundle.audio.framesPerClip * bundle.audio.samplesPerFrame) / bundle.audio.sampleRate),
        },
  loaded: ({ bundle }) => bundle !== null,
  languages: ({ bundle }) => [...(bundle?.languages ?? [])],
  sampling: ({ bundle }) => bundle?.sampling ?? null,
  samplings: ({ bundle }) => (bundle === null ? [] : bundle.tasks.map((task) => ({ task, sampling: samplingOf(task, bundle) }))),
  examples: ({ bundle }) => [...(bundle?.examples ?? [])],
  trainingCommit: ({ bundle }) => bundle?.trainingCommit ?? null,
};
