import type { WorkerResolvers } from '../generated/graphql.ts';

export const Worker: WorkerResolvers = {
  model: ({ info }) => (info === null ? null : { name: info.bundle.name, bundle: info.bundle }),
  executionProvider: ({ info }) => info?.executionProvider ?? null,
  device: ({ info }) => info?.device ?? null,
};
