/** The typed client, for Node and for browsers. Its only dependency is graphql-ws. */
import { CinegraphClientError } from './client-error.ts';
import { CANCEL_JOB, GET_JOB, RETRY_JOB, TEXT_TO_IMAGE, TEXT_TO_VIDEO } from './documents.ts';
import type { Asset, Job, JobEvent, TextToImageInput, TextToVideoInput } from './types.ts';
import { watchJob, type WatchOptions } from './watch-job.ts';

export { CinegraphClientError } from './client-error.ts';
export type * from './types.ts';
export type { WatchOptions } from './watch-job.ts';

export interface CinegraphClient {
  /** Throws CinegraphClientError, as every method does. */
  textToVideo(input: TextToVideoInput): Promise<Job>;
  textToImage(input: TextToImageInput): Promise<Job>;
  /** Null when there is no such job. */
  job(id: string): Promise<Job | null>;
  cancel(jobId: string): Promise<Job>;
  retry(jobId: string): Promise<Job>;
  /** Every event in order, none twice, over lost connections; ends after JobFinished. */
  watchJob(jobId: string, options?: WatchOptions): AsyncGenerator<JobEvent, void, void>;
  /** The bytes of an asset. */
  download(asset: Pick<Asset, 'url'>, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export interface ClientOptions {
  /** Where the server is, for example `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Longest time for one request, ms. Default 30 000. */
  readonly timeoutMs?: number;
}

interface Payload {
  readonly payload: {
    readonly job: Job | null;
    readonly userErrors: readonly { readonly code: string; readonly field: readonly string[] | null; readonly message: string }[];
  };
}

interface Answer<T> {
  readonly data?: T | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: unknown; readonly retryable?: unknown } }[];
}

export function createCinegraphClient(options: ClientOptions): CinegraphClient {
  const url = options.url.replace(/\/+$/, '');
  const { timeoutMs = 30_000 } = options;

  async function send<T>(query: string, variables: Record<string, unknown>): Promise<T> {
    let answer: Answer<T>;
    try {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      answer = (await response.json()) as Answer<T>;
    } catch (error) {
      throw CinegraphClientError.unreachable(url, error);
    }
    const [error] = answer.errors ?? [];
    if (error !== undefined) throw CinegraphClientError.fromGraphql(error);
    if (answer.data == null) throw new CinegraphClientError('INTERNAL', 'The server sent no data.');
    return answer.data;
  }

  async function mutate(query: string, input: object): Promise<Job> {
    const { payload } = await send<Payload>(query, { input });
    const [error] = payload.userErrors;
    if (error !== undefined) throw new CinegraphClientError(error.code, error.message, { field: error.field });
    if (payload.job === null) throw new CinegraphClientError('INTERNAL', 'The server sent neither a job nor an error.');
    return payload.job;
  }

  return {
    textToVideo: (input) => mutate(TEXT_TO_VIDEO, input),
    textToImage: (input) => mutate(TEXT_TO_IMAGE, input),
    async job(id) {
      const { node } = await send<{ node: Job | null }>(GET_JOB, { id });
      return node;
    },
    cancel: (jobId) => mutate(CANCEL_JOB, { jobId }),
    retry: (jobId) => mutate(RETRY_JOB, { jobId }),
    watchJob: (jobId, watchOptions) => watchJob(url, jobId, watchOptions),
    async download(asset, signal) {
      const response = await fetch(asset.url, signal === undefined ? {} : { signal });
      if (!response.ok) throw new CinegraphClientError('DOWNLOAD_FAILED', `The server answered ${response.status} for ${asset.url}.`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
