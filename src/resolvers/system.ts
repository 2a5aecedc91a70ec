import type { SystemResolvers } from '../generated/graphql.ts';

export const System: SystemResolvers = {
  ready: ({ inference, databaseReady }) => databaseReady && inference !== null,
  executionProvider: ({ inference }) => inference?.executionProvider ?? null,
  device: ({ inference }) => inference?.device ?? null,
  providerNotes: ({ inference }) => [...(inference?.providerNotes ?? [])],
  inferenceThreads: ({ inference }) => inference?.threads ?? null,
};
