/** The shapes that the client's documents return. A test holds the documents against the schema. */

export type Task = 'TEXT_TO_IMAGE' | 'TEXT_TO_VIDEO';
export type JobStatus = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED';

export interface SamplingInput {
  readonly temperature?: number | null;
  readonly topK?: number | null;
  readonly topP?: number | null;
  readonly guidance?: number | null;
  readonly deterministic?: boolean | null;
}

export interface TextToImageInput {
  readonly prompt: string;
  readonly style?: string | null;
  /** 0 to 2147483647. */
  readonly seed?: number | null;
  /** 1 to 4. */
  readonly candidates?: number | null;
  readonly sampling?: SamplingInput | null;
  readonly idempotencyKey?: string | null;
  /** Id of a model. */
  readonly model?: string | null;
  readonly tags?: readonly string[] | null;
  readonly title?: string | null;
  readonly deadlineMs?: number | null;
}

export interface TextToVideoInput extends TextToImageInput {
  readonly durationMs?: number | null;
  readonly camera?: string | null;
}

export interface Asset {
  readonly __typename: 'VideoAsset' | 'ImageAsset';
  readonly id: string;
  readonly kind: 'VIDEO' | 'IMAGE';
  readonly contentType: string;
  /** Bytes. */
  readonly byteSize: number;
  readonly sha256: string;
  /** Signed, expires. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly framesSha256: string | null;
  readonly candidate: number | null;
  /** Clips only. */
  readonly fps?: number;
  readonly frameCount?: number;
  readonly durationMs?: number;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface Job {
  readonly id: string;
  readonly task: Task;
  readonly status: JobStatus;
  readonly seed: number;
  readonly modelDigest: string;
  readonly executionProvider: string | null;
  readonly attempt: number;
  readonly lastSeq: number;
  readonly progress: {
    readonly tokensDone: number;
    readonly tokensTotal: number;
    readonly tokensPerSecond: number;
    readonly etaMs: number | null;
    readonly queuePosition: number | null;
  };
  readonly outputs: readonly Asset[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly error: JobError | null;
}

export interface PreviewFrame {
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly url: string;
  /** Only with `previews: true`. */
  readonly dataUrl?: string | null;
}

interface EventBase {
  readonly jobId: string;
  readonly seq: number;
  readonly at: string;
}

export type JobEvent =
  | (EventBase & { readonly __typename: 'JobQueued'; readonly position: number })
  | (EventBase & { readonly __typename: 'JobStarted'; readonly tokensTotal: number; readonly executionProvider: string })
  | (EventBase & {
      readonly __typename: 'TokensGenerated';
      readonly tokensDone: number;
      readonly tokensTotal: number;
      readonly tokensPerSecond: number;
      readonly etaMs: number | null;
    })
  | (EventBase & {
      readonly __typename: 'FramesDecoded';
      readonly candidate: number;
      readonly firstFrame: number;
      readonly final: boolean;
      readonly frames: readonly PreviewFrame[];
    })
  | (EventBase & { readonly __typename: 'AssetReady'; readonly candidate: number; readonly asset: Asset })
  | (EventBase & { readonly __typename: 'JobFinished'; readonly job: Job });
