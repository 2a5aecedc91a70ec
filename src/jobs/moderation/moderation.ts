import type pg from 'pg';
import type { Log } from '../../db/log.ts';
import { CinegraphError } from '../../errors.ts';
import type { VerdictRecord } from '../../services/contract.ts';
import type { Attempt, Result } from '../job-store.ts';
import type { Answer, Moderator, Stage } from './moderator.ts';

export interface ModerationOptions {
  readonly moderator: Moderator;
  readonly deadlineMs: number;
  /** What becomes of a job when the moderator cannot tell in time: `closed` refuses it, `open` lets it pass. */
  readonly fail: 'closed' | 'open';
}

/** Asks the moderator, notes its verdict on the job, and stops a job that it refuses. */
export class Moderation {
  readonly #options: ModerationOptions & { readonly pool: pg.Pool; readonly log: Log };

  constructor(options: ModerationOptions & { readonly pool: pg.Pool; readonly log: Log }) {
    this.#options = options;
  }

  /** Throws CONTENT_REFUSED, or MODERATION_UNAVAILABLE when it fails closed. */
  async review(run: Attempt, stage: Stage, results: readonly Result[]): Promise<void> {
    const verdict = await this.#verdict(run, stage, results);
    await this.#options.pool.query('UPDATE job SET moderation = $3 WHERE id = $1 AND attempt = $2', [run.jobId, run.attempt, JSON.stringify(verdict)]);
    if (verdict.state === 'REFUSED') throw new CinegraphError('CONTENT_REFUSED', verdict.reason ?? undefined);
    if (verdict.state === 'NOT_REVIEWED' && this.#options.fail === 'closed') throw new CinegraphError('MODERATION_UNAVAILABLE');
  }

  async #verdict({ jobId, ownerId, task, input }: Attempt, stage: Stage, results: readonly Result[]): Promise<VerdictRecord> {
    const { moderator, deadlineMs, log } = this.#options;
    const signal = AbortSignal.timeout(deadlineMs);
    const late = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error(`no answer within ${deadlineMs} ms`)), { once: true }));
    const question = { stage, jobId, ownerId, task, input, results: results.map(({ candidate, media: { kind, contentType, bytes } }) => ({ candidate, kind, contentType, bytes })) };
    try {
      return noted(stage, await Promise.race([moderator(question, signal), late]));
    } catch (error) {
      log.error({ job: jobId, stage, err: error }, 'the moderator cannot tell');
      return { stage, state: 'NOT_REVIEWED', reason: null, categories: [], at: new Date().toISOString() };
    }
  }
}

function noted(stage: Stage, { allowed, reason, categories = [] }: Answer): VerdictRecord {
  return { stage, state: allowed ? 'ALLOWED' : 'REFUSED', reason: reason?.slice(0, 500) ?? null, categories: categories.slice(0, 20).map(category => category.slice(0, 50)), at: new Date().toISOString() };
}
