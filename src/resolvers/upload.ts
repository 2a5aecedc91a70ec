import type { UploadResolvers } from '../generated/graphql.ts';
import { toGlobalId } from './global-id.ts';

export const Upload: UploadResolvers = {
  id: (upload) => toGlobalId('Upload', upload.id),
  offset: (upload) => upload.received,
  url: (upload, _args, { urls }) => urls.upload(upload),
  directUrl: (upload, _args, { services }) => (upload.assetId === null ? services.uploads.directUrl(upload) : null),
  asset: (upload, _args, { loaders }) => (upload.assetId === null ? null : loaders.asset.load(upload.assetId)),
};
