import { ERRORS } from '../errors.ts';
import type { JobResolvers } from '../generated/graphql.ts';
import type { JobRecord, ShotInput, VerdictRecord } from '../services/contract.ts';
import { toGlobalId } from './global-id.ts';
import type { ShotSource } from './sources.ts';

export const Job: JobResolvers = {
  id: (job) => toGlobalId('Job', job.id),
  model: (job, _args, { loaders }) => loaders.model(job.modelName, job.modelDigest),
  async progress(job, _args, { loaders }) {
    const { tokensDone, tokensTotal, tokensPerSecond } = job;
    const waiting = job.status === 'QUEUED' ? await loaders.queueOutlook.load(job.id) : null;
    return { tokensDone, tokensTotal, tokensPerSecond, etaMs: waiting === null ? job.etaMs : waiting.etaMs, queuePosition: waiting?.position ?? null };
  },
  input: (job) => withGlobalIds(job.input),
  shots: (job) => shotsOf(job),
  outputs: (job, _args, { loaders }) => loaders.assetsByJob.load(job.id),
  error: (job) =>
    job.errorCode === null
      ? null
      : {
          code: job.errorCode,
          message: job.errorMessage ?? ERRORS[job.errorCode].message,
          retryable: ERRORS[job.errorCode].retryable,
        },
  moderation: (job) => verdictOf(job.moderation),
  warnings: (job) => [...job.warnings],
  retryOf: (job, _args, { loaders }) => (job.retryOfId === null ? null : loaders.job.load(job.retryOfId)),
};

/** Fields of a stored input that hold the id of an asset. */
const ASSET_FIELDS: ReadonlySet<string> = new Set(['image', 'video', 'audio', 'asset']);

/** The input with the ids that its sender used. */
function withGlobalIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGlobalIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ASSET_FIELDS.has(name) && typeof each === 'string' ? toGlobalId('Asset', each) : withGlobalIds(each)]));
}

function shotsOf({ id, task, input }: JobRecord): ShotSource[] {
  if (task !== 'FILM') return [];
  return (input['shots'] as readonly Required<ShotInput>[]).map(({ prompt, camera, style, durationMs, continuePrevious, asset }, index) => ({
    index, prompt, camera, style, durationMs: durationMs ?? 0, continuePrevious: continuePrevious ?? false, assetId: asset, jobId: id,
  }));
}

function verdictOf(stored: unknown) {
  if (stored == null) return null;
  const { at, categories, ...verdict } = stored as VerdictRecord;
  return { ...verdict, categories: [...categories], at: new Date(at) };
}
