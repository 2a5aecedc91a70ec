import { GraphQLDateTime, GraphQLJSON, GraphQLURL } from 'graphql-scalars';
import type { Resolvers } from '../generated/graphql.ts';
import { ApiKeyConnection } from './api-key-connection.ts';
import { ApiKey } from './api-key.ts';
import { AssetConnection } from './asset-connection.ts';
import { Asset } from './asset.ts';
import { AudioAsset } from './audio-asset.ts';
import { ImageAsset } from './image-asset.ts';
import { JobConnection } from './job-connection.ts';
import { AssetReady, AudioDecoded, FramesDecoded, JobEvent, JobFinished, JobQueued, JobStarted, ShotFailed, ShotReady, ShotStarted, TextDecoded, TokensGenerated } from './job-event.ts';
import { Job } from './job.ts';
import { Model } from './model.ts';
import { Mutation } from './mutation.ts';
import { Node } from './node.ts';
import { PreviewFrame } from './preview-frame.ts';
import { Query } from './query.ts';
import { Shot } from './shot.ts';
import { Subscription } from './subscription.ts';
import { System } from './system.ts';
import { TextAsset } from './text-asset.ts';
import { Upload } from './upload.ts';
import { VideoAsset } from './video-asset.ts';
import { Viewer, ViewerLimits } from './viewer.ts';
import { Webhook, WebhookConnection, WebhookDelivery, WebhookDeliveryConnection } from './webhook.ts';
import { Worker } from './worker.ts';

export const resolvers: Resolvers = {
  DateTime: GraphQLDateTime,
  URL: GraphQLURL,
  JSON: GraphQLJSON,
  Query,
  Mutation,
  Subscription,
  Node,
  Asset,
  VideoAsset,
  ImageAsset,
  AudioAsset,
  TextAsset,
  Upload,
  AssetConnection,
  Job,
  JobConnection,
  Shot,
  Model,
  System,
  Worker,
  Viewer,
  ViewerLimits,
  ApiKey,
  ApiKeyConnection,
  Webhook,
  WebhookConnection,
  WebhookDelivery,
  WebhookDeliveryConnection,
  JobEvent,
  JobQueued,
  JobStarted,
  TokensGenerated,
  FramesDecoded,
  PreviewFrame,
  AudioDecoded,
  TextDecoded,
  ShotStarted,
  ShotReady,
  ShotFailed,
  AssetReady,
  JobFinished,
};
