import type { SystemResolvers } from '../generated/graphql.ts';

export const System: SystemResolvers = {
  ready: ({ models, databaseReady }) => databaseReady && models.length > 0,
  executionProvider: ({ models: [first] }) => first?.executionProvider ?? null,
  device: ({ models: [first] }) => first?.device ?? null,
  providerNotes: ({ models: [first] }) => [...(first?.providerNotes ?? [])],
  inferenceThreads: ({ models: [first] }) => first?.threads ?? null,
  workers: ({ workers }) => [...workers],
};
