import { CinegraphClientError, graphqlError, InputError, type UserErrorShape } from './errors.ts';
import {
  CancelJobDocument,
  ChooseCandidateDocument,
  CreateApiKeyDocument,
  CreateUploadDocument,
  CreateWebhookDocument,
  DeleteAssetDocument,
  DeleteWebhookDocument,
  EstimateJobDocument,
  FinalizeUploadDocument,
  GenerateDocument,
  GetAssetDocument,
  GetJobDocument,
  GetSystemDocument,
  GetViewerDocument,
  ListApiKeysDocument,
  ListAssetsDocument,
  ListJobsDocument,
  ListModelsDocument,
  ListWebhookDeliveriesDocument,
  ListWebhooksDocument,
  RestoreAssetDocument,
  RetryJobDocument,
  RetryShotDocument,
  RevokeApiKeyDocument,
  TestWebhookDocument,
  UpdateAssetDocument,
  UpdateWebhookDocument,
  TASK_NAMES,
} from './generated/operations.ts';
import { request, send, transferError, type HttpOptions, type Token, type TypedDocument } from './http.ts';
import { watchActivity, watchJob, type ActivityOptions, type WatchOptions } from './job-events.ts';
import { createJobHandle, type JobHandle, type JobMethods } from './job-handle.ts';
import { createPages, type PageOptions, type Pages } from './pages.ts';
import { openStreams } from './streams.ts';
import { announcement, sendBytes, type UploadOptions } from './upload.ts';
import type {
  ActivityEvent,
  ApiKey,
  ApiKeyFilter,
  Asset,
  AssetFilter,
  AssetOrder,
  ChooseCandidateInput,
  CreateApiKeyInput,
  CreateWebhookInput,
  Estimate,
  GenerateInput,
  Job,
  JobEvent,
  JobFilter,
  Model,
  RetryShotInput,
  System,
  TaskInput,
  TaskName,
  UpdateAssetInput,
  UpdateWebhookInput,
  Viewer,
  Webhook,
  WebhookDelivery,
} from './types.ts';

export interface ClientOptions {
  /** Where the server is, for example `http://127.0.0.1:4000`. */
  readonly url: string;
  /** An API key or a JWT; a function is asked again for each request and each connection, so that it may renew one that expires. */
  readonly token?: Token;
  /** Longest time for one request, ms. Default 30 000. */
  readonly timeoutMs?: number;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch;
  /** Instead of the global one, for Node before 22; without any, subscriptions come as server-sent events. */
  readonly webSocket?: typeof WebSocket;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface AssetsOptions extends PageOptions {
  readonly filter?: AssetFilter;
  readonly orderBy?: AssetOrder;
}

export interface JobsOptions extends PageOptions {
  readonly filter?: JobFilter;
}

export interface ApiKeysOptions extends PageOptions {
  readonly filter?: ApiKeyFilter;
}

/** A method for each task of the schema: `client.textToVideo({ prompt })`. */
type TaskMethods = { readonly [Name in TaskName]: (input: TaskInput<Name>, options?: RequestOptions) => Promise<JobHandle> };

/** Every method throws CinegraphClientError (or a class of it), or the reason of the signal it was given. */
export interface CinegraphClient extends TaskMethods, JobMethods {
  readonly url: string;
  /** Any one task, for callers that choose it at run time: `generate({ textToVideo: { prompt } })`. */
  generate(input: GenerateInput, options?: RequestOptions): Promise<JobHandle>;
  /** What a job would take, were it sent now. Nothing is stored. */
  estimate(input: GenerateInput, options?: RequestOptions): Promise<Estimate>;
  /** Null when there is no such job, or it is not yours. */
  job(id: string, options?: RequestOptions): Promise<Job | null>;
  /** The handle of a job that was made elsewhere, for example before the page was loaded again. Throws RequestError with NOT_FOUND. */
  attach(jobId: string, options?: RequestOptions): Promise<JobHandle>;
  cancel(jobId: string): Promise<Job>;
  retry(jobId: string): Promise<JobHandle>;
  /** Makes one shot of a film new. */
  retryShot(input: RetryShotInput): Promise<JobHandle>;
  /** Marks one of a job's candidates; `job` goes on from it when `prompt` or `extraMs` is given. */
  chooseCandidate(input: ChooseCandidateInput): Promise<{ readonly asset: Asset; readonly job: JobHandle | null }>;
  /** Every event in order, none twice, over lost connections; ends after JobFinished. */
  watchJob(jobId: string, options?: WatchOptions): AsyncGenerator<JobEvent, void, void>;
  /** State events of all your jobs from now on, over lost connections, for a page that lists them. Ends with its signal. */
  activity(options?: ActivityOptions): AsyncGenerator<ActivityEvent, void, void>;
  /** The jobs, the newest first. */
  jobs(options?: JobsOptions): Pages<Job>;
  /** Null when there is no such asset, or it is not yours. */
  asset(id: string, options?: RequestOptions): Promise<Asset | null>;
  /** The stored assets, the newest first unless `orderBy` says otherwise. */
  assets(options?: AssetsOptions): Pages<Asset>;
  /** Changes title, tags or time to live; what is left out stays. */
  updateAsset(assetId: string, change: Omit<UpdateAssetInput, 'assetId'>): Promise<Asset>;
  /** It can be restored for a while. */
  deleteAsset(assetId: string): Promise<{ readonly restorableUntil: string }>;
  restoreAsset(assetId: string): Promise<Asset>;
  /** Brings a file in: announces it, sends it in pieces over lost connections, makes it an asset. Throws InputError when the server refuses it. */
  upload(data: Blob, options?: UploadOptions): Promise<Asset>;
  /** The bytes of an asset. */
  download(asset: Pick<Asset, 'url'>, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Empty while the model is starting. */
  models(options?: RequestOptions): Promise<readonly Model[]>;
  system(options?: RequestOptions): Promise<System>;
  /** Who asks: role, scopes and limits of the token in use. */
  viewer(options?: RequestOptions): Promise<Viewer>;
  /** The API keys that you may see, the newest first. */
  apiKeys(options?: ApiKeysOptions): Pages<ApiKey>;
  /** `secret` is told here and never again. */
  createApiKey(input: CreateApiKeyInput): Promise<{ readonly apiKey: ApiKey; readonly secret: string }>;
  /** Ends a key for good. */
  revokeApiKey(apiKeyId: string): Promise<ApiKey>;
  /** Your webhooks, the newest first. */
  webhooks(options?: PageOptions): Pages<Webhook>;
  /** What was sent to a webhook, the newest first. Throws RequestError with NOT_FOUND. */
  webhookDeliveries(webhookId: string, options?: Omit<PageOptions, 'withTotal'>): Pages<WebhookDelivery>;
  /** `secret` verifies the signatures. It is told here and never again. */
  createWebhook(input: CreateWebhookInput): Promise<{ readonly webhook: Webhook; readonly secret: string }>;
  updateWebhook(webhookId: string, change: Omit<UpdateWebhookInput, 'webhookId'>): Promise<Webhook>;
  deleteWebhook(webhookId: string): Promise<void>;
  /** Sends a message of type `webhook.test`. */
  testWebhook(webhookId: string): Promise<WebhookDelivery>;
  /** A query or mutation of your own, as graphql-codegen types it with `documentMode: 'string'`. */
  request<Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables, options?: RequestOptions): Promise<Result>;
  /** A subscription of your own. Does not resume: a lost connection is thrown as UnreachableError. */
  subscribe<Result, Variables extends Record<string, unknown>>(document: TypedDocument<Result, Variables>, variables: Variables, options?: RequestOptions): AsyncGenerator<Result, void, void>;
  /** Closes the WebSocket now, if there is one; left alone it closes by itself some seconds after the last subscription. */
  close(): void;
}

export function createCinegraphClient(options: ClientOptions): CinegraphClient {
  const url = options.url.replace(/\/+$/, '');
  const { token, timeoutMs = 30_000, webSocket } = options;
  const http: HttpOptions = { url, timeoutMs, token, fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)) };
  const socket = openStreams(http, { webSocket });
  const ask = <Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables, signal?: AbortSignal) => request(http, document, variables, signal);

  const methods: Omit<CinegraphClient, TaskName> = {
    url,
    async generate(input, { signal } = {}) {
      const [branch = ''] = Object.keys(input);
      const { payload } = await ask(GenerateDocument, { input }, signal);
      return createJobHandle(methods, url, present(payload.job, payload.userErrors.map((error) => withoutBranch(error, branch))));
    },
    estimate: async (input, { signal } = {}) => (await ask(EstimateJobDocument, { input }, signal)).estimate,
    async job(id, { signal } = {}) {
      const { node } = await ask(GetJobDocument, { id }, signal);
      return node?.__typename === 'Job' ? node : null;
    },
    async attach(jobId, { signal } = {}) {
      const job = await methods.job(jobId, signal === undefined ? {} : { signal });
      if (job === null) throw notFound();
      return createJobHandle(methods, url, job);
    },
    async cancel(jobId) {
      const { payload } = await ask(CancelJobDocument, { input: { jobId } });
      return present(payload.job, payload.userErrors);
    },
    async retry(jobId) {
      const { payload } = await ask(RetryJobDocument, { input: { jobId } });
      return createJobHandle(methods, url, present(payload.job, payload.userErrors));
    },
    async retryShot(input) {
      const { payload } = await ask(RetryShotDocument, { input });
      return createJobHandle(methods, url, present(payload.job, payload.userErrors));
    },
    async chooseCandidate(input) {
      const { payload } = await ask(ChooseCandidateDocument, { input });
      return { asset: present(payload.asset, payload.userErrors), job: payload.job === null ? null : createJobHandle(methods, url, payload.job) };
    },
    watchJob: (jobId, watchOptions) => watchJob(url, socket, jobId, watchOptions),
    activity: (activityOptions) => watchActivity(url, socket, activityOptions),
    jobs({ filter, ...page } = {}) {
      return createPages(async (args, signal) => withTotal((await ask(ListJobsDocument, { ...args, filter }, signal)).page), page);
    },
    async asset(id, { signal } = {}) {
      const { node } = await ask(GetAssetDocument, { id }, signal);
      return isAsset(node) ? node : null;
    },
    assets({ filter, orderBy, ...page } = {}) {
      return createPages(async (args, signal) => withTotal((await ask(ListAssetsDocument, { ...args, filter, orderBy }, signal)).page), page);
    },
    async updateAsset(assetId, change) {
      const { payload } = await ask(UpdateAssetDocument, { input: { assetId, ...change } });
      return present(payload.asset, payload.userErrors);
    },
    async deleteAsset(assetId) {
      const { payload } = await ask(DeleteAssetDocument, { input: { assetId } });
      return { restorableUntil: present(payload.restorableUntil, payload.userErrors) };
    },
    async restoreAsset(assetId) {
      const { payload } = await ask(RestoreAssetDocument, { input: { assetId } });
      return present(payload.asset, payload.userErrors);
    },
    async upload(data, uploadOptions = {}) {
      const { signal } = uploadOptions;
      const { payload } = await ask(CreateUploadDocument, { input: announcement(data, uploadOptions) }, signal);
      const { id: uploadId, url: target } = present(payload.upload, payload.userErrors);
      await sendBytes(http, target, data, uploadOptions);
      const { payload: finalized } = await ask(FinalizeUploadDocument, { input: { uploadId } }, signal);
      return present(finalized.asset, finalized.userErrors);
    },
    async download(asset, signal) {
      const response = await send(http, asset.url, {}, signal);
      if (!response.ok) throw await transferError(response, asset.url);
      return new Uint8Array(await response.arrayBuffer());
    },
    models: async ({ signal } = {}) => (await ask(ListModelsDocument, {}, signal)).models,
    system: async ({ signal } = {}) => (await ask(GetSystemDocument, {}, signal)).system,
    viewer: async ({ signal } = {}) => (await ask(GetViewerDocument, {}, signal)).viewer,
    apiKeys({ filter, ...page } = {}) {
      return createPages(async (args, signal) => withTotal((await ask(ListApiKeysDocument, { ...args, filter }, signal)).page), page);
    },
    async createApiKey(input) {
      const { payload } = await ask(CreateApiKeyDocument, { input });
      return { apiKey: present(payload.apiKey, payload.userErrors), secret: present(payload.secret, payload.userErrors) };
    },
    async revokeApiKey(apiKeyId) {
      const { payload } = await ask(RevokeApiKeyDocument, { input: { apiKeyId } });
      return present(payload.apiKey, payload.userErrors);
    },
    webhooks: (page = {}) => createPages(async (args, signal) => withTotal((await ask(ListWebhooksDocument, args, signal)).page), page),
    webhookDeliveries(id, page = {}) {
      return createPages(async ({ withTotal: _withTotal, ...args }, signal) => {
        const { node } = await ask(ListWebhookDeliveriesDocument, { id, ...args }, signal);
        if (node?.__typename !== 'Webhook') throw notFound();
        return { ...node.page, totalCount: null };
      }, page);
    },
    async createWebhook(input) {
      const { payload } = await ask(CreateWebhookDocument, { input });
      return { webhook: present(payload.webhook, payload.userErrors), secret: present(payload.secret, payload.userErrors) };
    },
    async updateWebhook(webhookId, change) {
      const { payload } = await ask(UpdateWebhookDocument, { input: { webhookId, ...change } });
      return present(payload.webhook, payload.userErrors);
    },
    async deleteWebhook(webhookId) {
      const { payload } = await ask(DeleteWebhookDocument, { input: { webhookId } });
      present(payload.deletedWebhookId, payload.userErrors);
    },
    async testWebhook(webhookId) {
      const { payload } = await ask(TestWebhookDocument, { input: { webhookId } });
      return present(payload.delivery, payload.userErrors);
    },
    request: (document, variables, { signal } = {}) => ask(document, variables, signal),
    subscribe: (document, variables, { signal } = {}) => socket.stream(document, variables, { signal }),
    close: () => socket.close(),
  };
  const tasks = Object.fromEntries(
    TASK_NAMES.map((name) => [name, (input: object, requestOptions?: RequestOptions) => methods.generate({ [name]: input } as GenerateInput, requestOptions)]),
  ) as unknown as TaskMethods;
  return { ...methods, ...tasks };
}

function notFound(): Error {
  return graphqlError({ message: 'Nothing with this id exists, or it is not yours.', extensions: { code: 'NOT_FOUND' } });
}

function isAsset(node: object | null): node is Asset {
  return node !== null && 'sha256' in node;
}

/** `totalCount` is left out of the answer when it was not asked for. */
function withTotal<Page extends { readonly totalCount?: number | null }>(page: Page): Page & { readonly totalCount: number | null } {
  return { ...page, totalCount: page.totalCount ?? null };
}

/** Callers sent `input.prompt`; the server names the field of the @oneOf input, `input.textToVideo.prompt`. */
function withoutBranch(error: UserErrorShape, branch: string): UserErrorShape {
  if (error.field?.[0] !== 'input' || error.field[1] !== branch) return error;
  return { ...error, field: ['input', ...error.field.slice(2)] };
}

/** The entity of a payload. Throws InputError. */
function present<Entity>(entity: Entity | null, errors: readonly UserErrorShape[]): Entity {
  const [error] = errors;
  if (error !== undefined) throw new InputError(error, errors);
  if (entity === null) throw new CinegraphClientError('BAD_ANSWER', 'The server sent neither a result nor an error.');
  return entity;
}
