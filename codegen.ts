import type { CodegenConfig } from '@graphql-codegen/cli';

/** For operations of ours: the client's and the Studio's. */
const OPERATIONS = {
  documentMode: 'string',
  useTypeImports: true,
  enumType: 'string-literal',
  immutableTypes: true,
  inputMaybeValue: 'T | null | undefined',
  skipTypename: true,
  scalars: { ID: 'string', DateTime: 'string', URL: 'string', JSON: 'unknown' },
};

/**
 * From the SDL: the resolvers' types (src/generated/graphql.ts holds types only), and for the client its operations as typed strings with
 * the types of what goes in and comes out.
 */
const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  generates: {
    'src/generated/graphql.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        useTypeImports: true,
        enumType: 'string-literal',
        enumsAsTypes: true,
        contextType: '../resolvers/context.ts#Context',
        resolversNonOptionalTypename: false,
        scalars: { DateTime: { input: 'Date', output: 'Date' }, URL: { input: 'string', output: 'string' }, JSON: { input: 'unknown', output: 'unknown' } },
        mappers: {
          Node: '../resolvers/sources.ts#NodeSource',
          Asset: '../services/contract.ts#AssetRecord',
          VideoAsset: '../services/contract.ts#AssetRecord',
          ImageAsset: '../services/contract.ts#AssetRecord',
          AudioAsset: '../services/contract.ts#AssetRecord',
          TextAsset: '../services/contract.ts#AssetRecord',
          Upload: '../services/contract.ts#UploadRecord',
          AssetConnection: '../resolvers/sources.ts#AssetPage',
          Job: '../services/contract.ts#JobRecord',
          JobConnection: '../resolvers/sources.ts#JobPage',
          ApiKey: '../services/contract.ts#ApiKeyRecord',
          ApiKeyConnection: '../resolvers/sources.ts#ApiKeyPage',
          Webhook: '../services/contract.ts#WebhookRecord',
          WebhookConnection: '../resolvers/sources.ts#WebhookPage',
          WebhookDelivery: '../services/contract.ts#WebhookDeliveryRecord',
          WebhookDeliveryConnection: '../resolvers/sources.ts#WebhookDeliveryPage',
          ViewerLimits: '../services/access/standing.ts#Allowance',
          Viewer: '../services/access/caller.ts#Caller',
          Model: '../loaders/loaders.ts#ModelSource',
          Estimate: '../services/contract.ts#EstimateRecord',
          System: '../services/contract.ts#SystemStatus',
          Worker: '../services/contract.ts#WorkerRecord',
          JobEvent: '../services/contract.ts#JobEventRecord',
          JobQueued: '../resolvers/sources.ts#JobQueuedRecord',
          JobStarted: '../resolvers/sources.ts#JobStartedRecord',
          TokensGenerated: '../resolvers/sources.ts#TokensGeneratedRecord',
          FramesDecoded: '../resolvers/sources.ts#FramesDecodedRecord',
          AudioDecoded: '../resolvers/sources.ts#AudioDecodedRecord',
          TextDecoded: '../resolvers/sources.ts#TextDecodedRecord',
          ShotStarted: '../resolvers/sources.ts#ShotStartedRecord',
          ShotReady: '../resolvers/sources.ts#ShotReadyRecord',
          ShotFailed: '../resolvers/sources.ts#ShotFailedRecord',
          Shot: '../resolvers/sources.ts#ShotSource',
          AssetReady: '../resolvers/sources.ts#AssetReadyRecord',
          JobFinished: '../resolvers/sources.ts#JobFinishedRecord',
          PreviewFrame: '../resolvers/sources.ts#PreviewFrameSource',
        },
      },
    },
    'src/client/generated/operations.ts': {
      documents: 'src/client/operations/*.graphql',
      plugins: ['typescript-operations', 'typed-document-node', './scripts/codegen/client-tasks.ts'],
      config: OPERATIONS,
    },
    'studio/src/generated/operations.ts': {
      documents: 'studio/src/operations/*.graphql',
      plugins: ['typescript-operations', 'typed-document-node'],
      config: OPERATIONS,
    },
  },
};

export default config;
