import type { PreviewFrameResolvers } from '../generated/graphql.ts';
import { dataUrl } from './data-url.ts';

export const PreviewFrame: PreviewFrameResolvers = {
  url: (frame, _args, { urls }) => urls.previewFrame(frame.jobId, frame.seq, frame.index),
  dataUrl: async (frame, _args, { services, viewer }) => dataUrl('image/webp', await services.jobs.previewFrame(viewer, frame.jobId, frame.seq, frame.index)),
};
