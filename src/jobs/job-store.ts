import { randomUUID } from 'node:crypto';
import type { Queryable } from '../db/blobs/blob-store.ts';
import type { EventPointer } from '../db/bus/frame-bus.ts';
import type { Database } from '../db/database.ts';
import { transaction } from '../db/transaction.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { GenerationTask } from '../inference/core/generation.ts';
import type { EncodedMedia } from '../media/media.ts';
import { type AssetTokens, insertTokens } from './asset-tokens.ts';
import { type Checkpoint, readCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { Preview } from '../media/still.ts';
import type { QueuedJob } from './queue/job-queue.ts';
import { CACHE_ROWS } from './queue/cache-rows.ts';
import type { JobEventPayload, JobStatus, SamplingRecord, WarningRecord } from '../services/contract.ts';

/** A job is given up after this many attempts that were lost: a crash, or a process that vanished. */
export const MOST_TRIES = 3;

/** Another attempt, or a cancel, has taken the job: whatever this one still wants to write is refused. */
export class Fenced extends Error {}

/** A client asked for the end of the job; the event that noticed it is stored. */
export class CancelRequested extends Error {}

/** The right to write events of a job. Owner: one run of the job runner. Mutated by {@link JobStore}: seq follows what is stored. */
export interface Attempt {
  readonly jobId: string;
  readonly ownerId: string;
  readonly attempt: number;
  readonly tries: number;
  readonly task: GenerationTask;
  readonly input: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly candidates: number;
  readonly sampling: SamplingRecord;
  readonly title: string | null;
  readonly tags: readonly string[];
  readonly deadlineAt: Date | null;
  /** Of the request that made the job. */
  readonly traceParent: string | null;
  seq: number;
}

/** One result as it is to be stored. */
export interface Result {
  /** Null for a shot. */
  readonly candidate: number | null;
  /** Which shot of a film; null for a candidate. */
  readonly shot: number | null;
  readonly media: EncodedMedia;
  /** The job was canceled before it was complete. */
  readonly partial: boolean;
  /** The codes that it was made of, of picture and sound; none: unknown. */
  readonly tokens: readonly AssetTokens[];
  /** Ids of the assets that it was made from. */
  readonly parents: readonly string[];
}

/** Columns of the job that change together with an event. */
export interface Progress {
  readonly tokensDone?: number;
  readonly tokensTotal?: number;
  readonly tokensPerSecond?: number;
  readonly etaMs?: number | null;
  readonly executionProvider?: string;
  readonly warnings?: readonly WarningRecord[];
}

/**
 * Writes jobs and their events. All writes take the job's row first, so the events of a job are committed in the order of their seq:
 * a reader that has seen seq n has seen all before it. All methods are safe to repeat after a connection broke.
 */
export class JobStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Starts an attempt on the worker of this name. Undefined when the job has ended, or ends here: past its deadline, or lost too often; and
   * when the delivery is no longer current: who has the job by a later one must not lose it to an earlier one that comes late.
   */
  async claim(jobId: string, worker: string | null = null, isCurrent: (client: Queryable) => Promise<boolean> = () => Promise.resolve(true)): Promise<Attempt | undefined> {
    const outcome = await transaction(this.#database.pool, async client => {
      const { rows } = await client.query<ClaimRow>({ ...CLAIM, values: [jobId] });
      const row = rows[0];
      if (row === undefined || (row.status !== 'QUEUED' && row.status !== 'RUNNING')) return undefined;
      if (!(await isCurrent(client))) return undefined;
      const { ownerId } = row;
      const fault = faultOf(row);
      const ended = await endUnlessAnotherTry(client, jobId, row, fault);
      if (ended !== undefined) return { ownerId, ended };
      await client.query({ ...START, values: [jobId, worker, fault] });
      const { lastSeq, status: _status, overdue: _overdue, cancelRequested: _cancelRequested, worker: _worker, fault: _fault, ...rest } = row;
      return { attempt: { ...rest, jobId, attempt: row.attempt + 1, tries: row.tries + 1, seq: lastSeq } satisfies Attempt };
    });
    if (outcome?.ended !== undefined) this.#publish(jobId, outcome.ended, outcome.ownerId);
    return outcome?.attempt;
  }

  /** Stores one event with its preview frames, or its piece of sound. Throws {@link Fenced}, or {@link CancelRequested} after it has stored the event. A crash of the machine may lose the newest ones (synchronous_commit off). */
  async append(run: Attempt, payload: JobEventPayload, progress: Progress = {}, frames: readonly (Preview & { readonly index: number })[] = [], sound?: Buffer): Promise<void> {
    const { rows } = await this.#database.pool.query<{ canceled: boolean; at: Date }>({ ...APPEND, values: [
      run.jobId, run.attempt, run.seq, payload.type, JSON.stringify(payload),
      progress.tokensDone ?? null, progress.tokensTotal ?? null, progress.tokensPerSecond ?? null, progress.etaMs ?? null,
      progress.executionProvider ?? null, progress.warnings === undefined ? null : JSON.stringify(progress.warnings),
      frames.map(({ index }) => index), frames.map(({ width }) => width), frames.map(({ height }) => height), frames.map(({ webp }) => webp), sound ?? null,
    ] });
    if (rows.length === 0 && !(await this.#stands(run, run.seq + 1))) throw new Fenced(`attempt ${run.attempt} of job ${run.jobId}`);
    run.seq += 1;
    const at = rows[0]?.at;
    this.#publish(run.jobId, run.seq, isProgress(payload) ? undefined : run.ownerId, at === undefined ? undefined : { payload, at });
    if (rows[0]?.canceled === true) throw new CancelRequested();
  }

  /** Stores the results and ends the job, all or nothing: one asset per candidate, whatever runs again. Throws {@link Fenced}. */
  succeed(run: Attempt, results: readonly Result[], tokensTotal: number): Promise<void> {
    return this.#finish(run, results, 'SUCCEEDED', tokensTotal);
  }

  /** Stores how far a request of the run has come. Throws {@link Fenced}. */
  async saveCheckpoint(run: Attempt, checkpoint: Checkpoint): Promise<void> {
    if (!(await saveCheckpoint(this.#database.pool, run, checkpoint))) throw new Fenced(`attempt ${run.attempt} of job ${run.jobId}`);
  }

  /** Where an earlier attempt's request was interrupted. */
  checkpoint({ jobId, candidates }: Attempt, part: number, modelDigest: string): Promise<readonly Int32Array[] | undefined> {
    return readCheckpoint(this.#database.pool, jobId, part, modelDigest, candidates);
  }

  /** Ids of the shots that are stored, by their number. */
  async shots(jobId: string): Promise<ReadonlyMap<number, string>> {
    const { rows } = await this.#database.pool.query<{ shot: number; id: string }>('SELECT shot, id FROM asset WHERE job_id = $1 AND shot IS NOT NULL', [jobId]);
    return new Map(rows.map(({ shot, id }) => [shot, id]));
  }

  /** Stores one shot of a film; once, whatever runs again. Returns its id. Throws {@link Fenced}. */
  async addShot(run: Attempt, shot: Result & { readonly shot: number }): Promise<string> {
    const id = await transaction(this.#database.pool, async client => {
      if (!(await lock(client, run))) throw new Fenced(`attempt ${run.attempt} of job ${run.jobId}`);
      const { rows } = await client.query<{ id: string }>('SELECT id FROM asset WHERE job_id = $1 AND shot = $2', [run.jobId, shot.shot]);
      if (rows[0] !== undefined) return rows[0].id;
      const stored = await this.#putBlobs(client, [shot]);
      const assetId = await insertAsset(client, run, shot, stored);
      run.seq = await insertEvent(client, run.jobId, run.seq, { type: 'ShotReady', shot: shot.shot, assetId });
      await client.query('UPDATE job SET last_seq = $2 WHERE id = $1', [run.jobId, run.seq]);
      return assetId;
    });
    this.#publish(run.jobId, run.seq, run.ownerId);
    return id;
  }

  /** In the same order in every transaction: two clips that share a blob must not wait for each other. */
  async #putBlobs(client: Queryable, results: readonly Result[]): Promise<StoredBlobs> {
    const stored = new Map<Buffer, { sha256: string; byteSize: number }>();
    for (const bytes of results.flatMap(({ media }) => [media.bytes, ...(media.thumbnail === null ? [] : [media.thumbnail])]).sort((a, b) => Buffer.compare(a, b))) stored.set(bytes, await this.#database.blobs.put(bytes, client));
    return stored;
  }

  /** Ends the job because a client asked for it, and keeps what there is of it, all or nothing. Throws {@link Fenced}. */
  cancel(run: Attempt, results: readonly Result[]): Promise<void> {
    return this.#finish(run, results, 'CANCELED');
  }

  async #finish(run: Attempt, results: readonly Result[], status: 'SUCCEEDED' | 'CANCELED', tokensDone?: number): Promise<void> {
    const seq = await transaction(this.#database.pool, async client => {
      if (!(await lock(client, run))) return undefined;
      const stored = await this.#putBlobs(client, results);
      let last = run.seq;
      for (const result of results) {
        const assetId = await insertAsset(client, run, result, stored);
        last = await insertEvent(client, run.jobId, last, { type: 'AssetReady', assetId, candidate: result.candidate ?? 0 });
      }
      return end(client, run.jobId, last, status, undefined, undefined, tokensDone);
    });
    await this.#ended(run, seq, status);
  }

  /** Ends the job with an error. Throws {@link Fenced}. */
  async fail(run: Attempt, code: ErrorCode, message: string): Promise<void> {
    const seq = await transaction(this.#database.pool, async client =>
      (await lock(client, run)) ? end(client, run.jobId, run.seq, 'FAILED', code, message) : undefined);
    await this.#ended(run, seq, 'FAILED');
  }

  /** Puts the job back into the queue. fault: the attempt counts as lost, and why. Throws {@link Fenced}. */
  async handBack(run: Attempt, fault: string | null): Promise<void> {
    const seq = await transaction(this.#database.pool, async client => {
      if (!(await lock(client, run))) return undefined;
      const last = await insertEvent(client, run.jobId, run.seq, { type: 'JobQueued', position: 1 });
      await client.query(`UPDATE job SET status = 'QUEUED', tries = tries - $2, last_seq = $3, eta_ms = NULL, fault = coalesce($4, fault) WHERE id = $1`, [run.jobId, fault === null ? 1 : 0, last, fault]);
      return last;
    });
    await this.#ended(run, seq, 'QUEUED');
  }

  /**
   * Puts a job that nobody has into the queue again, or ends it where a claim would. isLost is asked, and enqueue called, under the job's lock.
   * Undefined when there is nothing to do: the job has moved since it was seen so, or is not lost.
   */
  async putBack({ jobId, attempt, lastSeq }: Seen, isLost: (client: Queryable) => Promise<boolean>, enqueue: (client: Queryable, job: QueuedJob) => Promise<void>): Promise<'queued' | 'ended' | undefined> {
    const outcome = await transaction(this.#database.pool, async client => {
      const { rows } = await client.query<LostRow>(
        `SELECT ${CLAIM_COLUMNS}, turn, model_digest AS "modelDigest", ${CACHE_ROWS} AS rows FROM job WHERE id = $1 AND attempt = $2 AND last_seq = $3 AND status IN ('QUEUED', 'RUNNING') FOR UPDATE`,
        [jobId, attempt, lastSeq],
      );
      const row = rows[0];
      if (row === undefined || !(await isLost(client))) return undefined;
      const { ownerId, turn, modelDigest } = row;
      const fault = faultOf(row);
      const ended = await endUnlessAnotherTry(client, jobId, row, fault);
      if (ended !== undefined) return { ownerId, seq: ended, became: 'ended' as const };
      await enqueue(client, { jobId, turn, modelDigest, rows: row.rows });
      const earlier = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM job WHERE status = 'QUEUED' AND turn <= $1 AND id <> $2`, [turn, jobId]);
      const seq = await insertEvent(client, jobId, lastSeq, { type: 'JobQueued', position: (earlier.rows[0]?.count ?? 0) + 1 });
      await client.query(`UPDATE job SET status = 'QUEUED', last_seq = $2, eta_ms = NULL, fault = $3 WHERE id = $1`, [jobId, seq, fault]);
      return { ownerId, seq, became: 'queued' as const };
    });
    if (outcome !== undefined) this.#publish(jobId, outcome.seq, outcome.ownerId);
    return outcome?.became;
  }

  /** Whether nobody else has the job: a write was refused all the same, because Postgres crashed and lost the newest events. */
  async isOwn(run: Attempt): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query(`SELECT FROM job WHERE id = $1 AND attempt = $2 AND status = 'RUNNING'`, [run.jobId, run.attempt]);
    return rowCount === 1;
  }

  /** Ends what waits in the queue past its deadline. Returns the ids. */
  async failOverdue(drop: (client: Queryable, jobId: string) => Promise<void>): Promise<string[]> {
    const { rows } = await this.#database.pool.query<{ id: string; ownerId: string }>(`SELECT id, owner_id AS "ownerId" FROM job WHERE status = 'QUEUED' AND deadline_at < now() LIMIT 100`);
    for (const { id, ownerId } of rows) {
      const seq = await transaction(this.#database.pool, async client => {
        const locked = await client.query<{ lastSeq: number }>(`SELECT last_seq AS "lastSeq" FROM job WHERE id = $1 AND status = 'QUEUED' FOR UPDATE`, [id]);
        if (locked.rows[0] === undefined) return undefined;
        await drop(client, id);
        return end(client, id, locked.rows[0].lastSeq, 'FAILED', 'DEADLINE_EXCEEDED');
      });
      if (seq !== undefined) this.#publish(id, seq, ownerId);
    }
    return rows.map(({ id }) => id);
  }

  /** After a write that found the job taken: was it our own, whose answer was lost with the connection? */
  async #ended(run: Attempt, seq: number | undefined, status: JobStatus): Promise<void> {
    if (seq === undefined) {
      const { rows } = await this.#database.pool.query<{ seq: number }>('SELECT last_seq AS seq FROM job WHERE id = $1 AND attempt = $2 AND status = $3::"JobStatus"', [run.jobId, run.attempt, status]);
      if (rows[0] === undefined || rows[0].seq <= run.seq) throw new Fenced(`attempt ${run.attempt} of job ${run.jobId}`);
      seq = rows[0].seq;
    }
    run.seq = seq;
    this.#publish(run.jobId, seq, run.ownerId);
  }

  async #stands(run: Attempt, seq: number): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query(`SELECT FROM job WHERE id = $1 AND attempt = $2 AND status = 'RUNNING' AND last_seq = $3`, [run.jobId, run.attempt, seq]);
    return rowCount === 1;
  }

  #publish(job: string, seq: number, owner: string | undefined, stored?: EventPointer['stored']): void {
    this.#database.bus.publish({ type: 'event', job, seq, owner, stored });
  }
}

/** Events of which there are many; the others are the owner's activity (see the trigger record_activity). */
function isProgress({ type }: JobEventPayload): boolean {
  return type === 'TokensGenerated' || type === 'FramesDecoded' || type === 'AudioDecoded' || type === 'TextDecoded';
}

type StoredBlobs = ReadonlyMap<Buffer, { readonly sha256: string; readonly byteSize: number }>;

interface ClaimRow extends Omit<Attempt, 'seq' | 'jobId'> {
  readonly status: JobStatus;
  readonly lastSeq: number;
  readonly overdue: boolean;
  readonly cancelRequested: boolean;
  readonly worker: string | null;
  readonly fault: string | null;
}

interface LostRow extends ClaimRow, Pick<QueuedJob, 'turn' | 'modelDigest' | 'rows'> {}

/** A job as it once was: whoever has it moves one of these. */
export interface Seen {
  readonly jobId: string;
  readonly attempt: number;
  readonly lastSeq: number;
}

/** Why the latest attempt was lost. Who RUNS without having handed it back is gone, or has lost its lease. */
function faultOf({ status, worker, fault }: ClaimRow): string | null {
  return status === 'RUNNING' ? `The worker ${worker ?? 'that had it'} vanished.` : fault;
}

/** Ends a job that is not to be tried (again). The caller holds its row. Returns the seq of JobFinished. */
async function endUnlessAnotherTry(client: Queryable, jobId: string, { cancelRequested, overdue, tries, lastSeq }: ClaimRow, fault: string | null): Promise<number | undefined> {
  if (cancelRequested) return end(client, jobId, lastSeq, 'CANCELED');
  if (overdue) return end(client, jobId, lastSeq, 'FAILED', 'DEADLINE_EXCEEDED');
  if (tries >= MOST_TRIES) return end(client, jobId, lastSeq, 'FAILED', 'INFERENCE_CRASHED', `The job was lost ${MOST_TRIES} times. The last time: ${fault ?? 'unknown'}`);
  return undefined;
}

const CLAIM_COLUMNS = `worker, fault, owner_id AS "ownerId", status, attempt, tries, task, input, seed, candidates, sampling, title, tags, last_seq AS "lastSeq",
  deadline_at AS "deadlineAt", trace_parent AS "traceParent", coalesce(deadline_at < now(), false) AS overdue, cancel_requested_at IS NOT NULL AS "cancelRequested"`;

const CLAIM = { name: 'claim-job', text: `SELECT ${CLAIM_COLUMNS} FROM job WHERE id = $1 FOR UPDATE` };

const START = {
  name: 'start-job',
  text: `
  UPDATE job SET status = 'RUNNING', attempt = attempt + 1, tries = tries + 1, started_at = coalesce(started_at, now()),
    tokens_done = 0, tokens_per_second = 0, eta_ms = NULL, worker = $2, fault = $3 WHERE id = $1`,
};

// One statement, one round trip: the job's row, the event, its frames. set_config makes this commit not wait for the disk.
// Named, as are the others that each clip runs: a connection parses and plans it once, which takes longer than running it.
const APPEND = {
  name: 'append-event',
  text: `
  WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true)),
  moved AS (
    UPDATE job SET last_seq = last_seq + 1,
      tokens_done = coalesce($6, tokens_done), tokens_total = coalesce($7, tokens_total), tokens_per_second = coalesce($8, tokens_per_second),
      eta_ms = coalesce($9, eta_ms), execution_provider = coalesce($10, execution_provider), warnings = coalesce($11::jsonb, warnings)
    FROM relaxed WHERE id = $1 AND attempt = $2 AND last_seq = $3 AND status = 'RUNNING' RETURNING last_seq, cancel_requested_at IS NOT NULL AS canceled
  ), event AS (
    INSERT INTO job_event (job_id, seq, type, payload) SELECT $1, last_seq, $4, $5::jsonb FROM moved RETURNING at
  ), frames AS (
    INSERT INTO preview_frame (job_id, seq, frame_index, width, height, webp)
    SELECT $1, last_seq, f.* FROM moved, unnest($12::int[], $13::int[], $14::int[], $15::bytea[]) AS f
  ), sound AS (
    INSERT INTO preview_sound (job_id, seq, wav) SELECT $1, last_seq, $16::bytea FROM moved WHERE $16::bytea IS NOT NULL
  )
  SELECT moved.canceled, event.at FROM moved, event`,
};

const LOCK = { name: 'lock-job', text: `SELECT last_seq AS "lastSeq" FROM job WHERE id = $1 AND attempt = $2 AND status = 'RUNNING' FOR UPDATE` };

/** Takes the job's row for this attempt; false when another has it. */
async function lock(client: Queryable, run: Attempt): Promise<boolean> {
  const { rows } = await client.query<{ lastSeq: number }>({ ...LOCK, values: [run.jobId, run.attempt] });
  if (rows[0] === undefined) return false;
  run.seq = rows[0].lastSeq;
  return true;
}

const INSERT_EVENT = { name: 'insert-event', text: 'INSERT INTO job_event (job_id, seq, type, payload) VALUES ($1, $2, $3, $4)' };

async function insertEvent(client: Queryable, jobId: string, last: number, payload: JobEventPayload): Promise<number> {
  await client.query({ ...INSERT_EVENT, values: [jobId, last + 1, payload.type, JSON.stringify(payload)] });
  return last + 1;
}

/** The last event and the final status. The caller holds the job's row. Returns the seq of JobFinished. */
export async function end(
  client: Queryable, jobId: string, last: number, status: 'SUCCEEDED' | 'FAILED' | 'CANCELED',
  code?: ErrorCode, message: string | undefined = code && ERRORS[code].message, tokensDone?: number,
): Promise<number> {
  const seq = await insertEvent(client, jobId, last, { type: 'JobFinished', status });
  await client.query({ ...END, values: [jobId, status, seq, code ?? null, message ?? null, tokensDone ?? null] });
  return seq;
}

const END = {
  name: 'end-job',
  text: `
  WITH gone AS (DELETE FROM job_checkpoint WHERE job_id = $1)
  UPDATE job SET status = $2, last_seq = $3, finished_at = now(), error_code = $4, error_message = $5, tokens_done = coalesce($6, tokens_done),
    eta_ms = CASE WHEN $2 = 'SUCCEEDED'::"JobStatus" THEN 0 END WHERE id = $1`,
};

async function insertAsset(client: Queryable, run: Attempt, { candidate, shot, media, partial, tokens, parents }: Result, stored: StoredBlobs): Promise<string> {
  const id = randomUUID();
  const content = stored.get(media.bytes);
  const thumbnail = media.thumbnail === null ? undefined : stored.get(media.thumbnail);
  await client.query({ ...INSERT_ASSET, values: [
    id, run.ownerId, media.kind, run.title, run.tags, media.contentType, content?.byteSize, content?.sha256, media.width, media.height, media.fps,
    media.frameCount, media.durationMs, media.thumbhash, thumbnail?.sha256, media.framesSha256, run.jobId, candidate, partial, shot, media.hasAudio, media.sampleRateHz, media.channels, media.text,
  ] });
  for (const each of tokens) await insertTokens(client, id, each);
  // A parent that was deleted meanwhile has no place in the lineage.
  if (parents.length > 0) await client.query('INSERT INTO asset_parent (child_id, parent_id) SELECT $1, id FROM asset WHERE id = ANY($2::uuid[])', [id, parents]);
  return id;
}

const INSERT_ASSET = {
  name: 'insert-asset',
  text: `
  INSERT INTO asset (id, owner_id, kind, origin, title, tags, content_type, byte_size, sha256, width, height, fps, frame_count, duration_ms,
    thumbhash, thumbnail_sha256, frames_sha256, job_id, candidate, partial, shot, has_audio, sample_rate_hz, channels, text)
  VALUES ($1, $2, $3, 'GENERATED', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
};
