import type { Database } from '../db/database.ts';
import type { SecretBox } from '../db/secret-box.ts';
import type { JobQueue } from '../jobs/queue/job-queue.ts';
import type { Media } from '../media/media.ts';
import { ApiKeys } from './access/api-key-service.ts';
import { NO_QUOTA, type Quota, Quotas } from './access/quota.ts';
import { Assets } from './asset-service.ts';
import type { Services } from './contract.ts';
import { Generation } from './generation-service.ts';
import { Jobs } from './job-service.ts';
import { type LocalModel, Models } from './models.ts';
import { System } from './system-service.ts';
import { type UploadLimits, Uploads } from './upload-service.ts';
import { Webhooks } from './webhooks/webhook-service.ts';

const DELETE_GRACE_SECONDS = 604_800;
/** Some clips' beginnings have to be encoded. */
const CANCEL_GRACE_MS = 10_000;

export interface ServicesOptions {
  readonly database: Database;
  readonly queue: JobQueue;
  /** The model of this process; left out where the workers alone have one. */
  readonly inference?: LocalModel | undefined;
  readonly media: Media;
  readonly uploadLimits: UploadLimits;
  /** How long a deleted asset can be restored. Default: a week. */
  readonly deleteGraceSeconds?: number;
  readonly version: string;
  /** Seals what is stored of the webhooks' secrets. */
  readonly secrets: SecretBox;
  /** Webhooks may lie on addresses that are not public. */
  readonly webhookAllowPrivate?: boolean;
  /** Jobs that may wait; one more is refused with QUEUE_FULL. Requests in the same instant may pass it by the number of connections. */
  readonly maxQueuedJobs: number;
  /** Of each owner; none when left out. */
  readonly quota?: Quota;
  /** How long a cancel waits for the run to end the job with what it has, ms. */
  readonly cancelGraceMs?: number;
}

/** The use cases, wired. They own nothing: what they are given is closed by the composition root. */
export function createServices({ database, queue, inference, media, uploadLimits, secrets, deleteGraceSeconds = DELETE_GRACE_SECONDS, version, maxQueuedJobs, quota = NO_QUOTA, cancelGraceMs = CANCEL_GRACE_MS, webhookAllowPrivate = false }: ServicesOptions): Services {
  const models = new Models(database.pool, inference);
  const bundle = (name?: string | null) => models.bundle(name);
  const generation = new Generation({ database, queue, bundle, maxQueuedJobs, quota });
  return {
    generation,
    jobs: new Jobs({ database, queue, generation, bundle, cancelGraceMs }),
    assets: new Assets({ database, media, graceSeconds: deleteGraceSeconds, version }),
    keys: new ApiKeys(database),
    quotas: new Quotas(database),
    uploads: new Uploads({ database, media, limits: uploadLimits }),
    webhooks: new Webhooks({ database, queue, secrets, allowPrivate: webhookAllowPrivate }),
    system: new System({ database, models, version }),
  };
}
