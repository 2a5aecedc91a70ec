import { CinegraphError } from '../errors.ts';
import type {
  AssetReadyResolvers,
  AudioDecodedResolvers,
  FramesDecodedResolvers,
  JobEventResolvers,
  JobFinishedResolvers,
  JobQueuedResolvers,
  JobStartedResolvers,
  ShotFailedResolvers,
  ShotReadyResolvers,
  ShotStartedResolvers,
  TextDecodedResolvers,
  TokensGeneratedResolvers,
} from '../generated/graphql.ts';
import type { JobEventRecord } from '../services/contract.ts';
import { dataUrl } from './data-url.ts';
import { toGlobalId } from './global-id.ts';

const jobId = (event: JobEventRecord): string => toGlobalId('Job', event.jobId);

export const JobEvent: Pick<JobEventResolvers, '__resolveType'> = { __resolveType: (event) => event.type };
export const JobQueued: JobQueuedResolvers = { jobId };
export const JobStarted: JobStartedResolvers = { jobId };
export const TokensGenerated: TokensGeneratedResolvers = { jobId };
export const FramesDecoded: FramesDecodedResolvers = {
  jobId,
  frames: (event) => event.frames.map((frame) => ({ ...frame, jobId: event.jobId, seq: event.seq })),
};
export const AudioDecoded: AudioDecodedResolvers = {
  jobId,
  url: (event, _args, { urls }) => urls.previewSound(event.jobId, event.seq),
  dataUrl: async (event, _args, { services, viewer }) => dataUrl('audio/wav', await services.jobs.previewSound(viewer, event.jobId, event.seq)),
};
export const TextDecoded: TextDecodedResolvers = { jobId };
export const AssetReady: AssetReadyResolvers = {
  jobId,
  async asset(event, _args, { loaders }) {
    const asset = await loaders.assetOfEvent.load(event.assetId);
    if (asset === null) throw new CinegraphError('NOT_FOUND', 'The asset of this event was deleted.');
    return asset;
  },
};
export const ShotStarted: ShotStartedResolvers = { jobId };
export const ShotFailed: ShotFailedResolvers = { jobId };
export const ShotReady: ShotReadyResolvers = {
  jobId,
  async asset(event, _args, { loaders }) {
    const asset = await loaders.asset.load(event.assetId);
    if (asset === null) throw new Error(`asset ${event.assetId} of a ShotReady event does not exist`);
    return asset;
  },
};
export const JobFinished: JobFinishedResolvers = {
  jobId,
  async job(event, _args, { loaders }) {
    const job = await loaders.job.load(event.jobId);
    if (job === null) throw new Error(`job ${event.jobId} of a JobFinished event does not exist`);
    return job;
  },
};
