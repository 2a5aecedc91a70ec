import DataLoader from 'dataloader';
import type { BundleInfo } from '../inference/core/generation.ts';
import type { Caller } from '../services/access/caller.ts';
import type { ApiKeyRecord, AssetRecord, JobRecord, Page, PageInput, QueueOutlook, Relation, Services, SystemStatus, UploadRecord, WebhookDeliveryRecord, WebhookRecord } from '../services/contract.ts';

export interface ModelSource {
  readonly name: string;
  /** Null when the model is not loaded any more. */
  readonly bundle: BundleInfo | null;
}

/** One batch per key and request. Made anew for each request and for each event of a subscription. */
export interface Loaders {
  readonly job: DataLoader<string, JobRecord | null>;
  readonly asset: DataLoader<string, AssetRecord | null>;
  readonly apiKey: DataLoader<string, ApiKeyRecord | null>;
  readonly assetsByJob: DataLoader<string, AssetRecord[]>;
  readonly shotsByJob: DataLoader<string, AssetRecord[]>;
  readonly queueOutlook: DataLoader<string, QueueOutlook | null>;
  readonly upload: DataLoader<string, UploadRecord | null>;
  /** Also what was deleted and is still there: events tell of it. */
  readonly assetOfEvent: DataLoader<string, AssetRecord | null>;
  /** Pages of one form are read together. */
  relatives(relation: Relation, page: PageInput): DataLoader<string, Page<AssetRecord>>;
  readonly webhook: DataLoader<string, WebhookRecord | null>;
  /** Pages of one form are read together. */
  deliveriesOf(page: PageInput): DataLoader<string, Page<WebhookDeliveryRecord>>;
  readonly webhookDelivery: DataLoader<string, WebhookDeliveryRecord | null>;
  system(): Promise<SystemStatus>;
  loadedModels(): Promise<ModelSource[]>;
  /** The model that a job was made with: without its bundle when another one is loaded now. */
  model(name: string, digest: string): Promise<ModelSource>;
}

export function createLoaders(services: Services, viewer: Caller): Loaders {
  let status: Promise<SystemStatus> | undefined;
  const relatives: PageLoaders<AssetRecord> = new Map();
  const deliveries: PageLoaders<WebhookDeliveryRecord> = new Map();
  const system = () => (status ??= services.system.status());
  const loadedModels = async () => {
    const { models } = await system();
    return models.map(({ bundle }) => ({ name: bundle.name, bundle }));
  };
  return {
    job: new DataLoader((ids: readonly string[]) => services.jobs.byIds(viewer, ids)),
    asset: new DataLoader((ids: readonly string[]) => services.assets.byIds(viewer, ids)),
    apiKey: new DataLoader((ids: readonly string[]) => services.keys.byIds(viewer, ids)),
    assetsByJob: new DataLoader((ids: readonly string[]) => services.assets.byJobIds(viewer, ids)),
    shotsByJob: new DataLoader((ids: readonly string[]) => services.assets.shotsByJobIds(viewer, ids)),
    queueOutlook: new DataLoader((ids: readonly string[]) => services.jobs.queueOutlook(viewer, ids)),
    upload: new DataLoader((ids: readonly string[]) => services.uploads.byIds(viewer, ids)),
    assetOfEvent: new DataLoader((ids: readonly string[]) => services.assets.byIds(viewer, ids, { deleted: true })),
    relatives: (relation, page) => byForm(relatives, [relation, page], (ids) => services.assets.relatives(viewer, relation, ids, page)),
    deliveriesOf: (page) => byForm(deliveries, [page], (ids) => services.webhooks.deliveriesOf(viewer, ids, page)),
    webhook: new DataLoader((ids: readonly string[]) => services.webhooks.byIds(viewer, ids)),
    webhookDelivery: new DataLoader((ids: readonly string[]) => services.webhooks.deliveriesByIds(viewer, ids)),
    system,
    loadedModels,
    async model(name, digest) {
      const models = await loadedModels();
      return models.find((model) => model.name === name && model.bundle?.digest === digest) ?? { name, bundle: null };
    },
  };
}

type PageLoaders<T> = Map<string, DataLoader<string, Page<T>>>;

/** One loader for each form of page that an operation asks for. */
function byForm<T>(loaders: PageLoaders<T>, form: readonly (string | PageInput)[], read: (ids: readonly string[]) => Promise<Page<T>[]>): DataLoader<string, Page<T>> {
  const key = JSON.stringify(form.map((part) => (typeof part === 'string' ? part : [part.first, part.after, part.last, part.before])));
  const loader = loaders.get(key) ?? new DataLoader(read);
  loaders.set(key, loader);
  return loader;
}
