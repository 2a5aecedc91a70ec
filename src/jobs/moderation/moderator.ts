/** Before anything is generated, and after, before it is stored. */
export type Stage = 'BEFORE' | 'AFTER';

/** One result that is about to be stored. */
export interface ReviewedResult {
  readonly candidate: number | null;
  readonly kind: 'IMAGE' | 'VIDEO' | 'AUDIO' | 'TEXT';
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Question {
  readonly stage: Stage;
  readonly jobId: string;
  readonly ownerId: string;
  readonly task: string;
  /** The mutation's input as it was accepted: prompts, story, ids of sources. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Empty before. */
  readonly results: readonly ReviewedResult[];
}

export interface Answer {
  readonly allowed: boolean;
  /** Told to whoever made the job; up to 500 characters count. */
  readonly reason?: string | undefined;
  /** What it was refused, or noted, for; up to 20 of 50 characters count. */
  readonly categories?: readonly string[] | undefined;
}

/** Decides what may be made. A function of yours, or {@link httpModerator}. Throws when it cannot tell. */
export type Moderator = (question: Question, signal: AbortSignal) => Promise<Answer>;
