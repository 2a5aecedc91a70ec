/** Short names for what the client's own operations take and return. */
import type {
  ActivitySubscription,
  ApiKeyFieldsFragment,
  AssetFieldsFragment,
  EstimateJobQuery,
  GenerateInput,
  JobEventsSubscription,
  JobFieldsFragment,
  ModelFieldsFragment,
  GetSystemQuery,
  GetViewerQuery,
  PageFieldsFragment,
  WebhookDeliveryFieldsFragment,
  WebhookFieldsFragment,
  TASK_NAMES,
} from './generated/operations.ts';

export type {
  ApiKeyFilter,
  ApiKeyScope,
  AssetFilter,
  AssetKind,
  AssetOrder,
  AssetOrigin,
  CreateApiKeyInput,
  ChooseCandidateInput,
  CreateUploadInput,
  CreateWebhookInput,
  ErrorCode,
  GenerateInput,
  JobFilter,
  JobStatus,
  RetryShotInput,
  SamplingInput,
  Style,
  Task,
  UpdateAssetInput,
  UpdateWebhookInput,
  WebhookEvent,
} from './generated/operations.ts';

export type Asset = AssetFieldsFragment;
export type VideoAsset = Extract<Asset, { readonly __typename: 'VideoAsset' }>;
export type ImageAsset = Extract<Asset, { readonly __typename: 'ImageAsset' }>;
export type AudioAsset = Extract<Asset, { readonly __typename: 'AudioAsset' }>;
export type TextAsset = Extract<Asset, { readonly __typename: 'TextAsset' }>;
export type Job = JobFieldsFragment;
export type JobError = NonNullable<Job['error']>;
export type JobProgress = Job['progress'];
export type JobWarning = Job['warnings'][number];
export type ApiKey = ApiKeyFieldsFragment;
export type Viewer = GetViewerQuery['viewer'];
export type Webhook = WebhookFieldsFragment;
export type WebhookDelivery = WebhookDeliveryFieldsFragment;
export type Estimate = EstimateJobQuery['estimate'];
export type Model = ModelFieldsFragment;
export type System = GetSystemQuery['system'];
export type PageInfo = PageFieldsFragment;

/** Branch on `__typename`. */
export type JobEvent = JobEventsSubscription['jobEvents'];
/** An event of `client.activity()`: those that change a job's state. */
export type ActivityEvent = ActivitySubscription['activity'];
export type JobEventOf<Type extends JobEvent['__typename']> = Extract<JobEvent, { readonly __typename: Type }>;
/** A piece of a sound, as soon as it can be heard. */
export type SoundPiece = JobEventOf<'AudioDecoded'>;
export type PreviewFrame = JobEventOf<'FramesDecoded'>['frames'][number];

/** A task, named as its mutation is: `textToVideo`. */
export type TaskName = (typeof TASK_NAMES)[number];
/** What a task takes. */
export type TaskInput<Name extends TaskName> = NonNullable<Extract<GenerateInput, { readonly [Key in Name]: object }>[Name]>;
export type TextToVideoInput = TaskInput<'textToVideo'>;
export type TextToImageInput = TaskInput<'textToImage'>;
