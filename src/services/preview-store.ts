import { LRUCache } from 'lru-cache';
import type { Database } from '../db/database.ts';

/** Memory for pictures that are asked for again and again while a job runs, bytes. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_OWNERS = 1000;

/** Preview pictures and pieces of sound: hundreds of subscribers of one job cost one statement for each. */
export class PreviewStore {
  readonly #pictures: LRUCache<string, Buffer, Picture>;
  /** A job's owner never changes. */
  readonly #owners: LRUCache<string, string>;

  constructor({ pool }: Database) {
    this.#pictures = new LRUCache<string, Buffer, Picture>({
      maxSize: MOST_BYTES,
      sizeCalculation: webp => webp.byteLength + 200,
      fetchMethod: async (_key, _stale, { context }) => {
        if (context.frameIndex === null) return (await pool.query<{ wav: Buffer }>('SELECT wav FROM preview_sound WHERE job_id = $1 AND seq = $2', [context.jobId, context.seq])).rows[0]?.wav;
        const { rows } = await pool.query<{ webp: Buffer }>('SELECT webp FROM preview_frame WHERE job_id = $1 AND seq = $2 AND frame_index = $3', [context.jobId, context.seq, context.frameIndex]);
        return rows[0]?.webp;
      },
    });
    this.#owners = new LRUCache<string, string>({
      max: MOST_OWNERS,
      fetchMethod: async jobId => (await pool.query<{ ownerId: string }>('SELECT owner_id AS "ownerId" FROM job WHERE id = $1', [jobId])).rows[0]?.ownerId,
    });
  }

  /** frameIndex null: the piece of sound. Null when there is none, or when the job is not the owner's. ownerId null: whoever asks has shown a signed URL. */
  async get(ownerId: string | null, jobId: string, seq: number, frameIndex: number | null): Promise<Buffer | null> {
    if (ownerId !== null && (await this.#owners.fetch(jobId)) !== ownerId) return null;
    return (await this.#pictures.fetch(`${jobId}:${seq}:${frameIndex}`, { context: { jobId, seq, frameIndex } })) ?? null;
  }
}

interface Picture {
  readonly jobId: string;
  readonly seq: number;
  readonly frameIndex: number | null;
}
