import type { Database } from '../db/database.ts';
import type { InferenceClient } from '../inference/core/generation.ts';
import type { SystemService, SystemStatus } from './contract.ts';

export class System implements SystemService {
  readonly #deps: { readonly database: Database; readonly inference: InferenceClient; readonly version: string };

  constructor(deps: { readonly database: Database; readonly inference: InferenceClient; readonly version: string }) {
    this.#deps = deps;
  }

  async status(): Promise<SystemStatus> {
    const { database, inference, version } = this.#deps;
    const shared = { version, inference: inference.info ?? null };
    if (!(await database.ping())) return { ...shared, queueDepth: 0, runningJobs: 0, databaseReady: false };
    const counts = await database.prisma.job.groupBy({ by: ['status'], where: { status: { in: ['QUEUED', 'RUNNING'] } }, _count: true });
    const of = (status: string): number => counts.find(row => row.status === status)?._count ?? 0;
    return { ...shared, queueDepth: of('QUEUED'), runningJobs: of('RUNNING'), databaseReady: true };
  }
}
