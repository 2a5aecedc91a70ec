import type { MutationResolvers, TextToImageInput, TextToVideoInput } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import type { GenerateInput } from '../services/contract.ts';
import { keyOf } from './global-id.ts';
import { jobOrUserErrors } from './user-errors.ts';

export const Mutation: MutationResolvers = {
  textToImage: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToImage(input, ['input']))),
  textToVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToVideo(input, ['input']))),
  generate: (_root, { input }, context) =>
    input.textToImage === undefined
      ? jobOrUserErrors(() => generate(context, textToVideo(input.textToVideo, ['input', 'textToVideo'])), 'textToVideo')
      : jobOrUserErrors(() => generate(context, textToImage(input.textToImage, ['input', 'textToImage'])), 'textToImage'),
  cancelJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.cancel(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
  retryJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.retry(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
};

function generate({ services, viewer }: Context, input: GenerateInput) {
  return services.generation.generate(viewer, input);
}

function textToImage(input: TextToImageInput, path: readonly string[]): GenerateInput {
  return { ...input, task: 'TEXT_TO_IMAGE', ...model(input, path) };
}

function textToVideo(input: TextToVideoInput, path: readonly string[]): GenerateInput {
  return { ...input, task: 'TEXT_TO_VIDEO', ...model(input, path) };
}

function model(input: TextToImageInput | TextToVideoInput, path: readonly string[]): { readonly model: string | null } {
  return { model: input.model == null ? null : keyOf('Model', input.model, [...path, 'model']) };
}
