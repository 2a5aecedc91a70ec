/** The typed client, for Node and for browsers. */
export { createCinegraphClient, type ApiKeysOptions, type AssetsOptions, type CinegraphClient, type ClientOptions, type JobsOptions, type RequestOptions } from './client.ts';
export {
  AccessError,
  CinegraphClientError,
  InputError,
  JobCanceledError,
  JobFailedError,
  RateLimitError,
  RequestError,
  TransferError,
  UnreachableError,
  type ClientErrorCode,
} from './errors.ts';
export { IDLE, reduceGeneration, type GenerationAction, type GenerationPhase, type GenerationState } from './generation-state.ts';
export type { Token, TypedDocument } from './http.ts';
export type { ActivityOptions, WatchOptions } from './job-events.ts';
export type { Frame, FrameOptions, JobHandle } from './job-handle.ts';
export type { Page, PageOptions, Pages } from './pages.ts';
export type * from './types.ts';
export type { UploadOptions, UploadProgress } from './upload.ts';
