import type { Database } from '../../db/database.ts';
import { CinegraphError } from '../../errors.ts';
import { type Attempt, JobStore, type Result } from '../job-store.ts';
import type { Moderation } from './moderation.ts';

/** Stores nothing that the moderator has not seen. */
export class ModeratedJobStore extends JobStore {
  readonly #moderation: Moderation;

  constructor(database: Database, moderation: Moderation) {
    super(database);
    this.#moderation = moderation;
  }

  override async succeed(run: Attempt, results: readonly Result[], tokensTotal: number): Promise<void> {
    await this.#moderation.review(run, 'AFTER', results);
    return super.succeed(run, results, tokensTotal);
  }

  override async addShot(run: Attempt, shot: Result & { readonly shot: number }): Promise<string> {
    await this.#moderation.review(run, 'AFTER', [shot]);
    return super.addShot(run, shot);
  }

  /** A canceled job ends as such; what is refused of it is not kept. */
  override async cancel(run: Attempt, results: readonly Result[]): Promise<void> {
    const kept = results.length === 0 ? results : await this.#moderation.review(run, 'AFTER', results).then(() => results, (error: unknown) => {
      if (error instanceof CinegraphError && (error.code === 'CONTENT_REFUSED' || error.code === 'MODERATION_UNAVAILABLE')) return [];
      throw error;
    });
    return super.cancel(run, kept);
  }
}
