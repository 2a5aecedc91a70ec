import { ERRORS } from '../errors.ts';
import type { JobResolvers } from '../generated/graphql.ts';
import { toGlobalId } from './global-id.ts';

export const Job: JobResolvers = {
  id: (job) => toGlobalId('Job', job.id),
  model: (job, _args, { loaders }) => loaders.model(job.modelName, job.modelDigest),
  async progress(job, _args, { services }) {
    const { tokensDone, tokensTotal, tokensPerSecond, etaMs } = job;
    return { tokensDone, tokensTotal, tokensPerSecond, etaMs, queuePosition: await services.jobs.queuePosition(job) };
  },
  outputs: (job, _args, { loaders }) => loaders.assetsByJob.load(job.id),
  error: (job) =>
    job.errorCode === null
      ? null
      : {
          code: job.errorCode,
          message: job.errorMessage ?? ERRORS[job.errorCode].message,
          retryable: ERRORS[job.errorCode].retryable,
        },
  warnings: (job) => [...job.warnings],
  retryOf: (job, _args, { loaders }) => (job.retryOfId === null ? null : loaders.job.load(job.retryOfId)),
};
