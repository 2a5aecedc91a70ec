import type { MutationResolvers } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import type { GenerateInput } from '../services/contract.ts';
import { audioToText, audioToVideo, branchOf, createFilm, editVideo, extendVideo, imageToVideo, inpaintVideo, outpaintVideo, stylizeVideo, textToAudio, textToImage, textToVideo, toGenerateInput, videoToAudio, videoToText } from './generate-input.ts';
import { keyOf, toGlobalId } from './global-id.ts';
import { EVENT_TYPES } from './webhook.ts';
import { jobOrUserErrors, orUserErrors } from './user-errors.ts';

export const Mutation: MutationResolvers = {
  textToImage: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToImage(input, ['input']))),
  textToVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToVideo(input, ['input']))),
  imageToVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, imageToVideo(input, ['input']))),
  extendVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, extendVideo(input, ['input']))),
  inpaintVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, inpaintVideo(input, ['input']))),
  outpaintVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, outpaintVideo(input, ['input']))),
  editVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, editVideo(input, ['input']))),
  stylizeVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, stylizeVideo(input, ['input']))),
  textToAudio: (_root, { input }, context) => jobOrUserErrors(() => generate(context, textToAudio(input, ['input']))),
  videoToAudio: (_root, { input }, context) => jobOrUserErrors(() => generate(context, videoToAudio(input, ['input']))),
  audioToVideo: (_root, { input }, context) => jobOrUserErrors(() => generate(context, audioToVideo(input, ['input']))),
  videoToText: (_root, { input }, context) => jobOrUserErrors(() => generate(context, videoToText(input, ['input']))),
  audioToText: (_root, { input }, context) => jobOrUserErrors(() => generate(context, audioToText(input, ['input']))),
  createFilm: (_root, { input }, context) => jobOrUserErrors(() => generate(context, createFilm(input, ['input']))),
  retryShot: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.retryShot(viewer, keyOf('Job', input.jobId, ['input', 'jobId']), input.shot, { prompt: input.prompt ?? null, seed: input.seed ?? null })),
  chooseCandidate: (_root, { input }, context) =>
    orUserErrors(async () => {
      const { services, viewer } = context;
      const id = keyOf('Asset', input.asset, ['input', 'asset']);
      await services.assets.candidate(viewer, id);
      const goesOn = input.prompt != null || input.extraMs != null;
      const job = goesOn ? await generate(context, { task: 'EXTEND_VIDEO', video: id, prompt: input.prompt ?? null, extraMs: input.extraMs ?? null, upscale: input.upscale ?? null }) : null;
      // What is refused has chosen nothing.
      return { asset: await services.assets.choose(viewer, id), job };
    }),
  generate: (_root, { input }, context) => jobOrUserErrors(() => generate(context, toGenerateInput(input)), branchOf(input)),
  cancelJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.cancel(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
  retryJob: (_root, { input }, { services, viewer }) =>
    jobOrUserErrors(() => services.jobs.retry(viewer, keyOf('Job', input.jobId, ['input', 'jobId']))),
  createApiKey: (_root, { input }, { services, viewer }) =>
    orUserErrors(async () => {
      const { key, secret } = await services.keys.create(viewer, input);
      return { apiKey: key, secret };
    }),
  revokeApiKey: (_root, { input }, { services, viewer }) =>
    orUserErrors(async () => ({ apiKey: await services.keys.revoke(viewer, keyOf('ApiKey', input.apiKeyId, ['input', 'apiKeyId'])) })),
  updateAsset: (_root, { input: { assetId, ...change } }, { services, viewer }) =>
    orUserErrors(async () => ({ asset: await services.assets.update(viewer, { id: assetKey(assetId), ...change }) })),
  deleteAsset: (_root, { input }, { services, viewer }) =>
    orUserErrors(async () => {
      const { id, restorableUntil } = await services.assets.delete(viewer, assetKey(input.assetId));
      return { deletedAssetId: toGlobalId('Asset', id), restorableUntil };
    }),
  restoreAsset: (_root, { input }, { services, viewer }) => orUserErrors(async () => ({ asset: await services.assets.restore(viewer, assetKey(input.assetId)) })),
  createUpload: (_root, { input }, { services, viewer, urls }) =>
    orUserErrors(async () => {
      const upload = await services.uploads.create(viewer, input);
      return { upload, uploadId: toGlobalId('Upload', upload.id), uploadUrl: urls.upload(upload) };
    }),
  finalizeUpload: (_root, { input }, { services, viewer }) =>
    orUserErrors(async () => ({ asset: await services.uploads.finalize(viewer, keyOf('Upload', input.uploadId, ['input', 'uploadId'])) })),
  createWebhook: (_root, { input }, { services, viewer }) => orUserErrors(() => services.webhooks.create(viewer, { url: input.url, events: input.events.map((event) => EVENT_TYPES[event]) })),
  updateWebhook: (_root, { input: { webhookId, events, ...change } }, { services, viewer }) =>
    orUserErrors(async () => ({
      webhook: await services.webhooks.update(viewer, webhookKey(webhookId), { ...change, events: events?.map((event) => EVENT_TYPES[event]) }),
    })),
  deleteWebhook: (_root, { input }, { services, viewer }) =>
    orUserErrors(async () => {
      await services.webhooks.remove(viewer, webhookKey(input.webhookId));
      return { deletedWebhookId: input.webhookId };
    }),
  testWebhook: (_root, { input }, { services, viewer }) => orUserErrors(async () => ({ delivery: await services.webhooks.test(viewer, webhookKey(input.webhookId)) })),
};

function assetKey(id: string): string {
  return keyOf('Asset', id, ['input', 'assetId']);
}

function webhookKey(id: string): string {
  return keyOf('Webhook', id, ['input', 'webhookId']);
}

function generate({ services, viewer }: Context, input: GenerateInput) {
  return services.generation.generate(viewer, input);
}
