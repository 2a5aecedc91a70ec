import type { MutationResolvers } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import type { GenerateInput } from '../services/contract.ts';
import { branchOf, textToImage, textToVideo, toGenerateInput } from './generate-input.ts';
import { keyOf } from './global-id.ts';
import { jobOrUserErrors } from './user-errors.ts';

export const Mutation: MutationResolvers = {
  textToImage: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToImage(input, ['input']))),
  textToVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToVideo(input, ['input']))),
  generate: (_root, { input }, context) => jobOrUserErrors(() => generate(context, toGenerateInput(input)), branchOf(input)),
  cancelJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.cancel(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
  retryJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.retry(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
};

function generate({ services, viewer }: Context, input: GenerateInput) {
  return services.generation.generate(viewer, input);
}
