import { JobFailedError, type CinegraphClientError } from './errors.ts';
import type { Frame, JobHandle } from './job-handle.ts';
import type { Asset, Job, JobEvent, JobWarning, SoundPiece } from './types.ts';

/** `lost`: the server stays away; the job may go on, and `attach` takes it up again. */
export type GenerationPhase = 'idle' | 'starting' | 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled' | 'lost';

/** What a page shows of one job. Plain data: any framework can hold it. */
export interface GenerationState {
  readonly phase: GenerationPhase;
  /** The job as it was accepted, and as it ended. */
  readonly job: Job | null;
  /** 1 for the next job to run; null when it is not waiting. */
  readonly queuePosition: number | null;
  readonly tokensDone: number;
  /** 0 until the job has started. */
  readonly tokensTotal: number;
  readonly tokensPerSecond: number;
  /** Milliseconds until the last token; null when unknown. */
  readonly etaMs: number | null;
  /** By candidate, then by index within the clip; unfinished previews are replaced when better ones come. */
  readonly frames: readonly (readonly Frame[])[];
  /** Pieces of sound by candidate, in the order in which they were made. */
  readonly sounds: readonly (readonly SoundPiece[])[];
  /** The text so far, by candidate. */
  readonly texts: readonly string[];
  /** In the order in which they were stored. */
  readonly assets: readonly Asset[];
  readonly warnings: readonly JobWarning[];
  /** Why it was refused, failed or got lost. */
  readonly error: CinegraphClientError | null;
}

export type GenerationAction =
  | { readonly type: 'reset' }
  | { readonly type: 'start' }
  | { readonly type: 'accepted'; readonly handle: Pick<JobHandle, 'job'> }
  | { readonly type: 'event'; readonly event: JobEvent }
  | { readonly type: 'refused' | 'lost'; readonly error: CinegraphClientError };

export const IDLE: GenerationState = {
  phase: 'idle',
  job: null,
  queuePosition: null,
  tokensDone: 0,
  tokensTotal: 0,
  tokensPerSecond: 0,
  etaMs: null,
  frames: [],
  sounds: [],
  texts: [],
  assets: [],
  warnings: [],
  error: null,
};

const PHASES = { QUEUED: 'queued', RUNNING: 'running', SUCCEEDED: 'succeeded', FAILED: 'failed', CANCELED: 'canceled' } as const satisfies Record<Job['status'], GenerationPhase>;

export function reduceGeneration(state: GenerationState, action: GenerationAction): GenerationState {
  switch (action.type) {
    case 'reset':
      return IDLE;
    case 'start':
      return { ...IDLE, phase: 'starting' };
    case 'accepted': {
      const { job } = action.handle;
      return { ...IDLE, phase: PHASES[job.status], job, queuePosition: job.progress.queuePosition, warnings: job.warnings };
    }
    case 'event':
      return afterEvent(state, action.event);
    case 'refused':
      return { ...IDLE, phase: 'failed', error: action.error };
    case 'lost':
      return { ...state, phase: 'lost', error: action.error };
  }
}

function afterEvent(state: GenerationState, event: JobEvent): GenerationState {
  switch (event.__typename) {
    case 'JobQueued':
      return { ...state, phase: 'queued', queuePosition: event.position };
    case 'JobStarted':
      // Frames from before belong to an attempt that was lost.
      return { ...state, phase: 'running', queuePosition: null, tokensDone: 0, tokensTotal: event.tokensTotal, frames: [], sounds: [], texts: [] };
    case 'TokensGenerated':
      return { ...state, tokensDone: event.tokensDone, tokensTotal: event.tokensTotal, tokensPerSecond: event.tokensPerSecond, etaMs: event.etaMs };
    case 'FramesDecoded':
      return { ...state, frames: withFrames(state.frames, event) };
    case 'AudioDecoded':
      return { ...state, sounds: changed(state.sounds, event.candidate, [...(state.sounds[event.candidate] ?? []), event], []) };
    case 'TextDecoded':
      return { ...state, texts: changed(state.texts, event.candidate, event.text, '') };
    case 'AssetReady':
      return { ...state, assets: [...state.assets.filter((asset) => asset.id !== event.asset.id), event.asset] };
    case 'JobFinished':
      return { ...state, phase: PHASES[event.job.status], job: event.job, queuePosition: null, etaMs: null, assets: event.job.outputs, warnings: event.job.warnings, error: event.job.status === 'FAILED' ? new JobFailedError(event.job) : null };
    default:
      return state;
  }
}

function withFrames(all: GenerationState['frames'], { candidate, final, frames }: Extract<JobEvent, { __typename: 'FramesDecoded' }>): GenerationState['frames'] {
  const clip = [...(all[candidate] ?? [])];
  for (const frame of frames) clip[frame.index] = { ...frame, candidate, final };
  return changed(all, candidate, clip, []);
}

/** The list with the entry of a candidate changed; those that have none yet get `empty`. */
function changed<T>(all: readonly T[], candidate: number, entry: T, empty: T): T[] {
  return Array.from({ length: Math.max(all.length, candidate + 1) }, (_, index) => (index === candidate ? entry : (all[index] ?? empty)));
}
