/** What the resolvers, the loaders and the media routes may ask of the services. The access check is the first line of each use case. */
import type { Caller, Role, Scope } from './access/caller.ts';
import type { NewApiKey } from './access/new-key.ts';
import type { ErrorCode } from '../errors.ts';
import type { GenerationTask, InferenceInfo, SamplingParams } from '../inference/core/generation.ts';

/** Who asks. On loopback there is one local user. */
export interface Viewer {
  readonly ownerId: string;
}

export type JobStatus = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED';
export const TERMINAL: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED']);
export type AssetKind = 'TEXT' | 'IMAGE' | 'VIDEO' | 'AUDIO' | 'MASK';

export type SamplingRecord = SamplingParams;

export interface WarningRecord {
  readonly code: string;
  readonly message: string;
}

/** What the moderator said, last. */
export interface VerdictRecord {
  readonly stage: 'BEFORE' | 'AFTER';
  readonly state: 'ALLOWED' | 'REFUSED' | 'NOT_REVIEWED';
  readonly reason: string | null;
  readonly categories: readonly string[];
  /** ISO 8601. */
  readonly at: string;
}

export interface JobRecord {
  readonly id: string;
  readonly ownerId: string;
  readonly task: GenerationTask;
  readonly status: JobStatus;
  readonly input: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly candidates: number;
  readonly sampling: SamplingRecord;
  readonly modelName: string;
  readonly modelDigest: string;
  readonly executionProvider: string | null;
  readonly warnings: readonly WarningRecord[];
  /** A {@link VerdictRecord}, as it was stored; null without a moderator. */
  readonly moderation?: unknown;
  readonly attempt: number;
  readonly tokensDone: number;
  readonly tokensTotal: number;
  readonly tokensPerSecond: number;
  readonly etaMs: number | null;
  readonly lastSeq: number;
  readonly errorCode: ErrorCode | null;
  readonly errorMessage: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly retryOfId: string | null;
  /** Place in the round-robin between owners: of the jobs that wait, the lowest turn runs first. */
  readonly turn: number;
}

export interface AssetRecord {
  readonly id: string;
  readonly ownerId: string;
  readonly kind: AssetKind;
  readonly origin: 'GENERATED' | 'UPLOADED';
  readonly title: string | null;
  readonly tags: readonly string[];
  readonly contentType: string;
  readonly byteSize: number;
  readonly sha256: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly fps: number | null;
  readonly frameCount: number | null;
  readonly durationMs: number | null;
  readonly hasAudio: boolean;
  readonly thumbhash: string | null;
  readonly thumbnailSha256: string | null;
  readonly framesSha256: string | null;
  readonly jobId: string | null;
  readonly candidate: number | null;
  readonly partial: boolean;
  readonly sampleRateHz: number | null;
  readonly channels: number | null;
  /** What a text asset says. */
  readonly text: string | null;
  /** What its file said of itself when it was brought in: a {@link ClaimRecord}, as it was stored. */
  readonly claim?: unknown;
  readonly shot: number | null;
  readonly chosen: boolean;
  readonly createdAt: Date;
  /** When it was deleted; it can be restored for a while. */
  readonly deletedAt: Date | null;
  /** End of its time to live. */
  readonly expiresAt: Date | null;
}

/** A file that is being brought in. */
export interface UploadRecord {
  readonly id: string;
  readonly kind: AssetKind;
  readonly filename: string;
  readonly contentType: string;
  readonly byteSize: number;
  /** Bytes that are stored: where the upload goes on. */
  readonly received: number;
  readonly assetId: string | null;
  /** Why the file was refused, for good. */
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** A stored event of a job's stream. `seq` counts from 1 without a gap. */
export type JobEventRecord = {
  readonly jobId: string;
  readonly seq: number;
  readonly at: Date;
} & JobEventPayload;

export type JobEventPayload =
  | { readonly type: 'JobQueued'; readonly position: number }
  | { readonly type: 'JobStarted'; readonly tokensTotal: number; readonly executionProvider: string }
  | { readonly type: 'TokensGenerated'; readonly tokensDone: number; readonly tokensTotal: number; readonly tokensPerSecond: number; readonly etaMs: number | null }
  | {
      readonly type: 'FramesDecoded';
      readonly candidate: number;
      readonly firstFrame: number;
      readonly frames: readonly { readonly index: number; readonly width: number; readonly height: number }[];
      readonly final: boolean;
    }
  | { readonly type: 'AudioDecoded'; readonly candidate: number; readonly startMs: number; readonly durationMs: number }
  /** All of the text so far. */
  | { readonly type: 'TextDecoded'; readonly candidate: number; readonly text: string }
  /** A film's shot, or a window of a long clip, begins. */
  | { readonly type: 'ShotStarted'; readonly shot: number; readonly shots: number; readonly prompt: string }
  | { readonly type: 'ShotReady'; readonly shot: number; readonly assetId: string }
  | { readonly type: 'ShotFailed'; readonly shot: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'AssetReady'; readonly assetId: string; readonly candidate: number }
  | { readonly type: 'JobFinished'; readonly status: 'SUCCEEDED' | 'FAILED' | 'CANCELED' };

/** `first` with `after`, or `last` with `before`. */
export interface PageInput {
  /** 1 to 100, else PAGE_SIZE_OUT_OF_RANGE. */
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** Fractions of the picture's width and height, from its left upper corner. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Fractions of the clip's width (left, right) and height (top, bottom). */
export interface Padding {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface ShotInput {
  readonly prompt: string;
  readonly durationMs?: number | null;
  readonly camera?: string | null;
  readonly style?: string | null;
  readonly continuePrevious?: boolean | null;
  readonly seed?: number | null;
  /** Id of an asset that takes this place instead of being made. */
  readonly asset?: string | null;
}

export interface GenerateInput {
  readonly task: GenerationTask;
  /** Left out: that of the clip that goes on; a film has those of its shots. */
  readonly prompt?: string | null;
  /** Ids of assets; resolvers decode the global ones. */
  readonly image?: string | null;
  readonly video?: string | null;
  readonly audio?: string | null;
  /** The sound becomes the clip's sound track. */
  readonly muxed?: boolean | null;
  /** The clip or picture is enlarged. */
  readonly upscale?: 'NONE' | 'TWO' | null;
  /** The clip gets a sound track. */
  readonly withAudio?: boolean | null;
  readonly extraMs?: number | null;
  readonly fromFrame?: number | null;
  readonly mask?: { readonly asset?: string | null; readonly rectangle?: Rectangle | null } | null;
  readonly padding?: Padding | null;
  readonly story?: string | null;
  readonly shots?: readonly ShotInput[] | null;
  readonly continuePrevious?: boolean | null;
  readonly seed?: number | null;
  readonly candidates?: number | null;
  readonly sampling?: Partial<Record<keyof SamplingRecord, number | boolean | null>> | null;
  readonly idempotencyKey?: string | null;
  /** Bundle name; resolvers decode the global id. */
  readonly model?: string | null;
  readonly tags?: readonly string[] | null;
  readonly title?: string | null;
  readonly deadlineMs?: number | null;
  readonly durationMs?: number | null;
  /** Words for the camera ("pan left") appended to the prompt by the service. */
  readonly camera?: string | null;
  readonly style?: string | null;
}

export interface AssetFilter {
  readonly kind?: readonly AssetKind[] | null;
  readonly origin?: 'GENERATED' | 'UPLOADED' | null;
  readonly tags?: readonly string[] | null;
  /** Words of prompt, title or text. */
  readonly search?: string | null;
  readonly prompt?: string | null;
  readonly seed?: number | null;
  readonly task?: GenerationTask | null;
  /** Bundle name; resolvers decode the global id. */
  readonly model?: string | null;
  /** Id of an asset. */
  readonly descendantOf?: string | null;
  readonly createdAfter?: Date | null;
  readonly createdBefore?: Date | null;
  /** Only what was deleted and can be restored. */
  readonly deleted?: boolean | null;
}

export type AssetOrder = 'NEWEST' | 'OLDEST';
export type Relation = 'parents' | 'children';

export interface UpdateAssetInput {
  readonly id: string;
  /** Undefined: as it was. */
  readonly title?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly timeToLiveSeconds?: number | null | undefined;
}

export interface JobFilter {
  readonly status?: readonly JobStatus[] | null;
  readonly task?: readonly GenerationTask[] | null;
  readonly createdAfter?: Date | null;
  readonly createdBefore?: Date | null;
}

/** What a job would cost, from what the last jobs took. Seconds are null until a job of this model has been measured. */
export interface EstimateRecord {
  readonly tokens: number;
  readonly seconds: number | null;
  readonly queueSeconds: number | null;
  readonly queuePosition: number;
  readonly tokensPerSecond: number | null;
}

/** An event of an owner's activity. */
export interface ActivityPosition {
  readonly jobId: string;
  readonly seq: number;
}

/** A waiting job's place. */
export interface QueueOutlook {
  /** 1 for the next one to run. */
  readonly position: number;
  /** Until its last token, ms; null until a job of this model has been measured. */
  readonly etaMs: number | null;
}

export interface GenerationService {
  /** Validates, then stores the job and queues it in one transaction. Throws the codes of src/errors.ts with `field` set. */
  generate(viewer: Viewer, input: GenerateInput): Promise<JobRecord>;
  /** Validates as {@link generate} does, and stores nothing. */
  estimate(viewer: Viewer, input: GenerateInput): Promise<EstimateRecord>;
}

export interface JobService {
  byIds(viewer: Viewer, ids: readonly string[]): Promise<(JobRecord | null)[]>;
  list(viewer: Viewer, page: PageInput, filter: JobFilter): Promise<Page<JobRecord>>;
  count(viewer: Viewer, filter: JobFilter): Promise<number>;
  /** Resolves when the job has ended: a running one keeps what is decoded so far as assets with `partial`. Throws NOT_FOUND or JOB_NOT_CANCELABLE. */
  cancel(viewer: Viewer, id: string): Promise<JobRecord>;
  /** A new job with the same input, linked by retryOfId. */
  retry(viewer: Viewer, id: string): Promise<JobRecord>;
  /** A new film with one shot made again, what continues it too; the others are taken over. Throws NOT_FOUND, INVALID_INPUT or JOB_NOT_RETRYABLE. */
  retryShot(viewer: Viewer, id: string, shot: number, change: { readonly prompt?: string | null; readonly seed?: number | null }): Promise<JobRecord>;
  /** In the order of the ids; null for what does not wait. */
  queueOutlook(viewer: Viewer, ids: readonly string[]): Promise<(QueueOutlook | null)[]>;
  /** Replays what is stored after afterSeq, then follows; ends after JobFinished. One bounded buffer per call; previews may be coalesced for a slow reader, but not state events. */
  events(viewer: Viewer, jobId: string, afterSeq: number, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>>;
  /** State events of all jobs of the viewer: those after an event, else those from now on; without end. Throws INVALID_CURSOR. */
  activity(viewer: Viewer, after: ActivityPosition | null, signal: AbortSignal): Promise<AsyncIterableIterator<JobEventRecord>>;
  /** Bytes of one preview frame (WebP), or null. */
  previewFrame(viewer: Viewer | null, jobId: string, seq: number, frameIndex: number): Promise<Buffer | null>;
  /** Bytes of the piece of sound (WAV) of an event, or null. */
  previewSound(viewer: Viewer | null, jobId: string, seq: number): Promise<Buffer | null>;
}

export type VariantFormat = 'webm' | 'gif' | 'webp' | 'sprites';

/** What a file that was brought in says of itself: content credentials (C2PA). */
export interface ClaimRecord {
  readonly state: 'VALID' | 'INVALID';
  readonly generator: string | null;
  readonly issuer: string | null;
  readonly signedAt: string | null;
  readonly synthetic: boolean;
}

/** Bytes for a download. */
export interface OpenBytes {
  readonly sha256: string;
  readonly contentType: string;
  readonly byteSize: number;
  /** The asset's title; null when it has none. */
  readonly title: string | null;
  /** start and end inclusive. One buffer when the bytes are at hand. */
  read(start: number, end: number): AsyncIterable<Buffer> | Buffer;
  /** Where the bytes can be fetched past this server, for so many seconds; null: here alone. */
  link(disposition: string, seconds: number): Promise<string | null>;
}

export interface AssetService {
  /** deleted: also what was deleted and is still there. */
  byIds(viewer: Viewer, ids: readonly string[], options?: { readonly deleted?: boolean }): Promise<(AssetRecord | null)[]>;
  byJobIds(viewer: Viewer, jobIds: readonly string[]): Promise<AssetRecord[][]>;
  list(viewer: Viewer, page: PageInput, filter: AssetFilter, order: AssetOrder): Promise<Page<AssetRecord>>;
  count(viewer: Viewer, filter: AssetFilter): Promise<number>;
  /** A page for each asset, newest first; an empty one for what is not the viewer's. */
  relatives(viewer: Viewer, relation: Relation, assetIds: readonly string[], page: PageInput): Promise<Page<AssetRecord>[]>;
  /** Throws NOT_FOUND or INVALID_INPUT. */
  update(viewer: Viewer, input: UpdateAssetInput): Promise<AssetRecord>;
  /** It vanishes at once and can be restored for a while. Throws NOT_FOUND. */
  delete(viewer: Viewer, id: string): Promise<{ readonly id: string; readonly restorableUntil: Date }>;
  /** Throws NOT_FOUND, also when it is too late. */
  restore(viewer: Viewer, id: string): Promise<AssetRecord>;
  /** Opens content or thumbnail of an asset for the byte routes; the URL's signature was checked by the caller. Null when it is gone or deleted. */
  open(assetId: string, sha256: string): Promise<OpenBytes | null>;
  /** As open, of the content; what was made here carries a signed claim of where it is from, where its kind of file has a place for one. */
  export(assetId: string, sha256: string): Promise<OpenBytes | null>;
  /** As open, for another form of a clip, which is made now unless it is there. Throws the MEDIA_ codes. */
  openVariant(assetId: string, format: VariantFormat): Promise<OpenBytes | null>;
  /** The shots that each film made itself. */
  shotsByJobIds(viewer: Viewer, jobIds: readonly string[]): Promise<AssetRecord[][]>;
  /** A candidate that may be chosen. Throws NOT_FOUND and INVALID_INPUT. */
  candidate(viewer: Viewer, assetId: string): Promise<AssetRecord>;
  /** Marks one candidate of a job as the chosen one, instead of another. Throws NOT_FOUND and INVALID_INPUT. */
  choose(viewer: Viewer, assetId: string): Promise<AssetRecord>;
}

export interface CreateUploadInput {
  readonly filename: string;
  readonly contentType: string;
  readonly byteSize: number;
  readonly kind?: AssetKind | null;
  readonly sha256?: string | null;
  readonly title?: string | null;
  readonly tags?: readonly string[] | null;
  readonly timeToLiveSeconds?: number | null;
}

export interface UploadService {
  /** Throws INVALID_INPUT, MEDIA_TYPE_NOT_SUPPORTED, UPLOAD_TOO_LARGE or UPLOAD_LIMIT_REACHED, with `field` set. */
  create(viewer: Viewer, input: CreateUploadInput): Promise<UploadRecord>;
  byIds(viewer: Viewer, ids: readonly string[]): Promise<(UploadRecord | null)[]>;
  /** For the byte route, whose URL's signature was checked by the caller. Null when there is none, or no more. */
  find(id: string): Promise<UploadRecord | null>;
  /** A URL that takes the whole file in one PUT, past this server, then finalize; null where there is none, or once pieces have come. */
  directUrl(upload: UploadRecord): Promise<string | null>;
  /**
   * Stores what comes, from that offset on; what came before a connection broke stays. Throws NOT_FOUND, UPLOAD_OFFSET_CONFLICT (somebody
   * else wrote, or the offset is not where the upload goes on), or UPLOAD_TOO_LARGE (more came than was announced; what was announced is kept).
   */
  append(id: string, offset: number, body: AsyncIterable<Uint8Array>): Promise<UploadRecord>;
  /** The asset; the same one when called again. Throws NOT_FOUND, UPLOAD_INCOMPLETE, CHECKSUM_MISMATCH or a MEDIA_ code, the same one when called again. */
  finalize(viewer: Viewer, id: string): Promise<AssetRecord>;
}

/** A process that runs jobs, as it last said of itself. */
export interface WorkerRecord {
  readonly id: string;
  /** Host and process id. */
  readonly name: string;
  readonly version: string;
  readonly state: 'STARTING' | 'READY' | 'DRAINING' | 'LOST';
  /** Null while the model is starting. */
  readonly info: InferenceInfo | null;
  readonly slots: number;
  readonly usedSlots: number;
  readonly runningJobs: number;
  readonly startedAt: Date;
  readonly seenAt: Date;
}

export interface SystemStatus {
  readonly version: string;
  /** The models that jobs can be made with now, and where they run; the first is used by those who name none. */
  readonly models: readonly InferenceInfo[];
  readonly workers: readonly WorkerRecord[];
  readonly queueDepth: number;
  readonly runningJobs: number;
  readonly databaseReady: boolean;
}

export interface SystemService {
  status(): Promise<SystemStatus>;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  /** Start of the secret, to tell keys apart. */
  readonly prefix: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export interface QuotaService {
  usage(viewer: Viewer): Promise<{ readonly activeJobs: number; readonly tokens: number }>;
}

export interface ApiKeyFilter {
  /** For admins: the keys of one owner. */
  readonly ownerId?: string | null;
  /** True: only keys that work now. False: only keys that do not. */
  readonly usable?: boolean | null;
}

/** What long-lived connections hear of keys. */
export interface KeyWatcher {
  revoked(keyId: string): void;
  /** News may have been lost: ask {@link ApiKeyService.usable} again. */
  recheck(): void;
}

/** Users see and revoke their own keys, admins everybody's. */
export interface ApiKeyService {
  /** The secret is told here and never again. Throws INVALID_INPUT or FORBIDDEN. */
  create(caller: Caller, input: NewApiKey): Promise<{ readonly key: ApiKeyRecord; readonly secret: string }>;
  /** From now on the key opens nothing; its sockets are closed. Revoking twice changes nothing. Throws NOT_FOUND. */
  revoke(caller: Caller, id: string): Promise<ApiKeyRecord>;
  byIds(caller: Caller, ids: readonly string[]): Promise<(ApiKeyRecord | null)[]>;
  list(caller: Caller, page: PageInput, filter: ApiKeyFilter): Promise<Page<ApiKeyRecord>>;
  count(caller: Caller, filter: ApiKeyFilter): Promise<number>;
  /** Who holds this secret; null when no usable key has it. */
  authenticate(secret: string): Promise<Caller | null>;
  /** Which of these keys still work. */
  usable(ids: readonly string[]): Promise<ReadonlySet<string>>;
  watch(watcher: KeyWatcher): () => void;
}

/** Signed, expiring URLs for bytes. Absolute when a public base URL is configured, else from the request. */
export interface UrlSigner {
  /** What every URL begins with. */
  readonly baseUrl: string;
  asset(asset: Pick<AssetRecord, 'id' | 'sha256' | 'contentType'>): string;
  thumbnail(asset: Pick<AssetRecord, 'id' | 'thumbnailSha256'>): string;
  variant(asset: Pick<AssetRecord, 'id'>, format: VariantFormat): string;
  previewFrame(jobId: string, seq: number, frameIndex: number): string;
  previewSound(jobId: string, seq: number): string;
  /** Lives as long as the upload. */
  upload(upload: Pick<UploadRecord, 'id' | 'expiresAt'>): string;
}

export const WEBHOOK_EVENTS = ['job.started', 'job.succeeded', 'job.failed', 'job.canceled'] as const;

export interface WebhookInput {
  readonly url: string;
  /** Of {@link WEBHOOK_EVENTS}. */
  readonly events: readonly string[];
}

export interface WebhookChange {
  readonly url?: string | null | undefined;
  readonly events?: readonly string[] | null | undefined;
  readonly enabled?: boolean | null | undefined;
}

export interface WebhookRecord {
  readonly id: string;
  readonly ownerId: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly failingSince: Date | null;
  readonly createdAt: Date;
}

export interface WebhookDeliveryRecord {
  readonly id: string;
  readonly webhookId: string;
  readonly type: string;
  readonly jobId: string | null;
  readonly body: string;
  readonly status: 'PENDING' | 'DELIVERED' | 'FAILED';
  readonly attempts: number;
  readonly nextAttemptAt: Date | null;
  readonly responseStatus: number | null;
  readonly error: string | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

export interface WebhookService {
  /** The secret is told here and never again. Throws INVALID_INPUT. */
  create(viewer: Viewer, input: WebhookInput): Promise<{ readonly webhook: WebhookRecord; readonly secret: string }>;
  /** Throws NOT_FOUND or INVALID_INPUT, as the others do. */
  update(viewer: Viewer, id: string, change: WebhookChange): Promise<WebhookRecord>;
  /** With its log. */
  remove(viewer: Viewer, id: string): Promise<void>;
  /** Queues one attempt of a message of type webhook.test, also to a disabled webhook. */
  test(viewer: Viewer, id: string): Promise<WebhookDeliveryRecord>;
  byIds(viewer: Viewer, ids: readonly string[]): Promise<(WebhookRecord | null)[]>;
  deliveriesByIds(viewer: Viewer, ids: readonly string[]): Promise<(WebhookDeliveryRecord | null)[]>;
  list(viewer: Viewer, page: PageInput): Promise<Page<WebhookRecord>>;
  count(viewer: Viewer): Promise<number>;
  deliveries(viewer: Viewer, id: string, page: PageInput): Promise<Page<WebhookDeliveryRecord>>;
  /** The same page of several logs; empty where the webhook is not the viewer's. */
  deliveriesOf(viewer: Viewer, ids: readonly string[], page: PageInput): Promise<Page<WebhookDeliveryRecord>[]>;
}

export interface Services {
  readonly webhooks: WebhookService;
  readonly generation: GenerationService;
  readonly jobs: JobService;
  readonly assets: AssetService;
  readonly uploads: UploadService;
  readonly system: SystemService;
  readonly keys: ApiKeyService;
  readonly quotas: QuotaService;
}
