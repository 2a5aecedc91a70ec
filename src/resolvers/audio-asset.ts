import type { AudioAssetResolvers } from '../generated/graphql.ts';
import { assetFields, present } from './asset.ts';

export const AudioAsset: AudioAssetResolvers = {
  ...assetFields,
  durationMs: (asset) => present(asset, 'durationMs', asset.durationMs),
  sampleRateHz: (asset) => present(asset, 'sampleRateHz', asset.sampleRateHz),
  channels: (asset) => present(asset, 'channels', asset.channels),
  // The thumbnail of a sound is its waveform.
  waveformUrl: (asset, _args, { urls }) => urls.thumbnail(asset),
};
