import type { Database } from '../db/database.ts';
import { listWorkers } from '../jobs/workers/worker-registry.ts';
import type { SystemService, SystemStatus } from './contract.ts';
import type { Models } from './models.ts';

export interface SystemDeps {
  readonly database: Database;
  readonly models: Models;
  readonly version: string;
}

export class System implements SystemService {
  readonly #deps: SystemDeps;

  constructor(deps: SystemDeps) {
    this.#deps = deps;
  }

  async status(): Promise<SystemStatus> {
    const { database, models, version } = this.#deps;
    if (!(await database.ping())) return { version, models: models.here, workers: [], queueDepth: 0, runningJobs: 0, databaseReady: false };
    const [loaded, workers, counts] = await Promise.all([
      models.loaded(),
      listWorkers(database.pool),
      database.prisma.job.groupBy({ by: ['status'], where: { status: { in: ['QUEUED', 'RUNNING'] } }, _count: true }),
    ]);
    const of = (status: string): number => counts.find(row => row.status === status)?._count ?? 0;
    return { version, models: loaded, workers, queueDepth: of('QUEUED'), runningJobs: of('RUNNING'), databaseReady: true };
  }
}
