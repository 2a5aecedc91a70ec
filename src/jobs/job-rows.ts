import type { ErrorCode } from '../errors.ts';
import type { Job } from '../generated/prisma/client.ts';
import type { GenerationTask } from '../inference/core/generation.ts';
import type { JobEventPayload, JobEventRecord, JobRecord, JobStatus, SamplingRecord, WarningRecord } from '../services/contract.ts';

/** A job's row, as Prisma gives it, as the rest of the program sees it. What the database holds was checked when it was written. */
export function toJobRecord(row: Job): JobRecord {
  return {
    id: row.id,
    ownerId: row.ownerId,
    task: row.task satisfies GenerationTask,
    status: row.status satisfies JobStatus,
    input: row.input as Readonly<Record<string, unknown>>,
    seed: row.seed,
    candidates: row.candidates,
    sampling: row.sampling as unknown as SamplingRecord,
    modelName: row.modelName,
    modelDigest: row.modelDigest,
    executionProvider: row.executionProvider,
    warnings: row.warnings as unknown as readonly WarningRecord[],
    moderation: row.moderation,
    attempt: row.attempt,
    tokensDone: row.tokensDone,
    tokensTotal: row.tokensTotal,
    tokensPerSecond: row.tokensPerSecond,
    etaMs: row.etaMs,
    lastSeq: row.lastSeq,
    errorCode: row.errorCode as ErrorCode | null,
    errorMessage: row.errorMessage,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    retryOfId: row.retryOfId,
    turn: row.turn,
  };
}

export interface EventRow {
  readonly jobId: string;
  readonly seq: number;
  readonly payload: JobEventPayload;
  readonly at: Date;
}

export function toEventRecord({ jobId, seq, payload, at }: EventRow): JobEventRecord {
  return { ...payload, jobId, seq, at };
}
