import type { EventPointer } from '../db/bus/frame-bus.ts';
import type { Database } from '../db/database.ts';
import { asCinegraphError } from '../db/pg-error.ts';
import { untilDatabase } from '../db/until-database.ts';
import { type EventRow, toEventRecord } from '../jobs/job-rows.ts';
import { coalesce } from './coalesce.ts';
import type { JobEventPayload, JobEventRecord } from './contract.ts';
import { followable, orAborted } from './followable.ts';

/** Events read at once: all that a follower holds in memory. */
const BATCH = 64;
/** Newest events of a job that its followers share. */
const RING = 128;
/** Reads without a notice this often, in ms: a pointer may get lost when its sender loses Postgres. */
const SAFETY_READ_MS = 5_000;
const DATABASE_DEADLINE_MS = 60_000;
/**
 * The last event of a job comes whatever its number: a follower may have seen higher ones that a crash of Postgres took back, since their commits do not wait for the disk (jobs/job-store.ts).
 * Nobody follows who has seen it.
 */
const NEXT_EVENTS = {
  name: 'next-events',
  text: `
  SELECT job_id AS "jobId", seq, payload, at FROM job_event
  WHERE job_id = $1 AND seq > least($2, (SELECT last_seq - 1 FROM job WHERE id = $1 AND status IN ('SUCCEEDED', 'FAILED', 'CANCELED')))
  ORDER BY seq LIMIT $3`,
};

/**
 * The events of jobs, for everybody in this process who follows them.
 *
 * They are read from the database, from the last seq that was given out; the frame bus only says when to read. An event that this process
 * has stored itself comes with the news, and counts as read where it follows the last one that was. So nothing can fall between replay and
 * live, and nothing can come twice. The followers of a job read together: an event costs one statement at most, however many they are. A
 * follower that takes its time costs one batch of memory; once it has caught up and then falls behind by a whole batch it is spared
 * previews and token counts which a later event of that batch replaces.
 *
 * Listens to the bus while there are followers, and holds nothing without them.
 */
export class JobEventHub {
  readonly #database: Database;
  readonly #channels = new Map<string, Channel>();
  #stop: (() => void) | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The events of one job after `afterSeq`: what is stored, then what comes, until JobFinished. */
  follow(jobId: string, afterSeq: number, signal: AbortSignal): AsyncIterableIterator<JobEventRecord> {
    return followable(signal, both => this.#follow(jobId, afterSeq, both));
  }

  async *#follow(jobId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<JobEventRecord, void, undefined> {
    const channel = this.#join(jobId);
    let seq = afterSeq;
    let caughtUp = false;
    try {
      while (!signal.aborted) {
        const { version } = channel;
        const batch = channel.isRead(seq) ? [] : await channel.read(seq, signal);
        for (const event of caughtUp && batch.length === BATCH ? coalesce(batch) : batch) {
          if (signal.aborted) return;
          seq = event.seq;
          yield event;
          if (event.type === 'JobFinished') return;
        }
        if (batch.length < BATCH) caughtUp = true;
        if (batch.length === 0) await channel.newerThan(version, signal);
      }
    } finally {
      this.#leave(jobId, channel);
    }
  }

  #join(jobId: string): Channel {
    this.#stop ??= this.#listen();
    const channel = this.#channels.get(jobId) ?? new Channel(this.#database, jobId);
    this.#channels.set(jobId, channel);
    channel.followers += 1;
    return channel;
  }

  #leave(jobId: string, channel: Channel): void {
    channel.followers -= 1;
    if (channel.followers > 0) return;
    this.#channels.delete(jobId);
    if (this.#channels.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  #listen(): () => void {
    const wakeAll = (): void => {
      for (const channel of this.#channels.values()) channel.wake();
    };
    const readAnew = (): void => {
      for (const channel of this.#channels.values()) channel.forget();
    };
    const unsubscribe = this.#database.bus.subscribe({
      message: message => {
        if (message.type === 'event') this.#channels.get(message.job)?.heard(message);
      },
      resync: readAnew,
    });
    const safety = setInterval(wakeAll, SAFETY_READ_MS).unref();
    return () => {
      unsubscribe();
      clearInterval(safety);
    };
  }
}

/** The newest events of one job, while somebody follows it. */
class Channel {
  followers = 0;
  /** Counts what may have changed in the database since the followers last looked. */
  version = 0;
  readonly #database: Database;
  readonly #jobId: string;
  #ring: JobEventRecord[] = [];
  /** The version at which nothing was stored behind the ring. */
  #readAt = -1;
  readonly #reads = new Map<number, { readonly version: number; readonly events: Promise<JobEventRecord[]> }>();
  #news = Promise.withResolvers<void>();

  constructor(database: Database, jobId: string) {
    this.#database = database;
    this.#jobId = jobId;
  }

  heard({ seq, stored }: EventPointer): void {
    const newest = this.#ring.at(-1)?.seq ?? 0;
    if (seq <= newest) return;
    const wasRead = this.#readAt === this.version;
    this.wake();
    if (stored === undefined || newest === 0 || seq !== newest + 1) return;
    this.#ring = [...this.#ring, toEventRecord({ jobId: this.#jobId, seq, payload: stored.payload as JobEventPayload, at: stored.at })].slice(-RING);
    if (wasRead) this.#readAt = this.version;
  }

  /** Whoever was away may have missed news; and Postgres, if it crashed, may have lost the newest events. */
  forget(): void {
    this.#ring = [];
    this.#readAt = -1;
    this.wake();
  }

  wake(): void {
    this.version += 1;
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Whether nothing is stored after this event, as far as anybody knows. */
  isRead(seq: number): boolean {
    return this.#readAt === this.version && seq === this.#ring.at(-1)?.seq;
  }

  /** Resolves at the next change after `version`, or when the signal is aborted. */
  async newerThan(version: number, signal: AbortSignal): Promise<void> {
    if (this.version === version) await orAborted(this.#news.promise, signal);
  }

  /** The next events after one, up to {@link BATCH}: from the ring where it has them, else from the database, once for all who ask. */
  async read(afterSeq: number, signal: AbortSignal): Promise<JobEventRecord[]> {
    const [oldest, newest] = [this.#ring[0]?.seq ?? 0, this.#ring.at(-1)?.seq ?? 0];
    if (afterSeq >= oldest && afterSeq < newest) return this.#ring.filter(({ seq }) => seq > afterSeq).slice(0, BATCH);
    const { version } = this;
    let read = this.#reads.get(afterSeq);
    // What was asked for before the latest news may not hold them.
    if (read?.version !== version) {
      read = { version, events: this.#query(afterSeq) };
      this.#reads.set(afterSeq, read);
    }
    try {
      return (await orAborted(read.events, signal)) ?? [];
    } catch (error) {
      throw asCinegraphError(error);
    } finally {
      if (this.#reads.get(afterSeq) === read) this.#reads.delete(afterSeq);
    }
  }

  async #query(afterSeq: number): Promise<JobEventRecord[]> {
    const { version } = this;
    const { rows } = await untilDatabase(
      () => this.#database.pool.query<EventRow>({ ...NEXT_EVENTS, values: [this.#jobId, afterSeq, BATCH] }),
      { deadlineMs: DATABASE_DEADLINE_MS },
    );
    const events = rows.map(toEventRecord);
    // Only what follows the ring's end without a gap may be added to it.
    if (this.#ring.length === 0 || afterSeq === this.#ring.at(-1)?.seq) {
      this.#ring = [...this.#ring, ...events].slice(-RING);
      if (events.length < BATCH) this.#readAt = version;
    }
    return events;
  }
}
