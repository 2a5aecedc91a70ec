/** What the resolvers of a type receive as their parent. Named here because codegen maps GraphQL types to them. */
import type { ModelSource } from '../loaders/loaders.ts';
import type { ApiKeyRecord, AssetRecord, JobEventPayload, JobEventRecord, JobRecord, Page, UploadRecord, WebhookDeliveryRecord, WebhookRecord } from '../services/contract.ts';

export type NodeSource = JobRecord | AssetRecord | ModelSource | ApiKeyRecord | UploadRecord | WebhookRecord | WebhookDeliveryRecord;

/** A page, and how to count the whole list; null where it is not counted. */
export interface Listing<T> extends Page<T> {
  readonly count: (() => Promise<number>) | null;
}
export type AssetPage = Listing<AssetRecord>;
export type JobPage = Listing<JobRecord>;
export type ApiKeyPage = Listing<ApiKeyRecord>;
export type WebhookPage = Listing<WebhookRecord>;
export type WebhookDeliveryPage = Listing<WebhookDeliveryRecord>;

type EventOf<T extends JobEventPayload['type']> = Extract<JobEventRecord, { readonly type: T }>;
export type JobQueuedRecord = EventOf<'JobQueued'>;
export type JobStartedRecord = EventOf<'JobStarted'>;
export type TokensGeneratedRecord = EventOf<'TokensGenerated'>;
export type FramesDecodedRecord = EventOf<'FramesDecoded'>;
export type AudioDecodedRecord = EventOf<'AudioDecoded'>;
export type TextDecodedRecord = EventOf<'TextDecoded'>;
export type ShotStartedRecord = EventOf<'ShotStarted'>;
export type ShotReadyRecord = EventOf<'ShotReady'>;
export type ShotFailedRecord = EventOf<'ShotFailed'>;
export type AssetReadyRecord = EventOf<'AssetReady'>;
export type JobFinishedRecord = EventOf<'JobFinished'>;

/** A shot of a film's input; the asset is that of the film's own job, else the one that takes its place. */
export interface ShotSource {
  readonly index: number;
  readonly prompt: string;
  readonly camera: string | null;
  readonly style: string | null;
  readonly durationMs: number;
  readonly continuePrevious: boolean;
  readonly assetId: string | null;
  readonly jobId: string;
}

export interface PreviewFrameSource {
  readonly jobId: string;
  readonly seq: number;
  readonly index: number;
  readonly width: number;
  readonly height: number;
}
