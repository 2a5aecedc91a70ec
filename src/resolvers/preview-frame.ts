import type { PreviewFrameResolvers } from '../generated/graphql.ts';

/** Longest picture that travels inside the event, in bytes. */
const MAX_INLINE_BYTES = 32 * 1024;

export const PreviewFrame: PreviewFrameResolvers = {
  url: (frame, _args, { urls }) => urls.previewFrame(frame.jobId, frame.seq, frame.index),
  async dataUrl(frame, _args, { services, viewer }) {
    const webp = await services.jobs.previewFrame(viewer, frame.jobId, frame.seq, frame.index);
    return webp === null || webp.byteLength > MAX_INLINE_BYTES ? null : `data:image/webp;base64,${webp.toString('base64')}`;
  },
};
