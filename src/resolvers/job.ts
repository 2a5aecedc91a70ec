import { ERRORS } from '../errors.ts';
import type { JobResolvers } from '../generated/graphql.ts';
import { toGlobalId } from './global-id.ts';

export const Job: JobResolvers = {
  id: (job) => toGlobalId('Job', job.id),
  model: (job, _args, { loaders }) => loaders.model(job.modelName, job.modelDigest),
  async progress(job, _args, { loaders }) {
    const { tokensDone, tokensTotal, tokensPerSecond } = job;
    const waiting = job.status === 'QUEUED' ? await loaders.queueOutlook.load(job.id) : null;
    return { tokensDone, tokensTotal, tokensPerSecond, etaMs: waiting === null ? job.etaMs : waiting.etaMs, queuePosition: waiting?.position ?? null };
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
