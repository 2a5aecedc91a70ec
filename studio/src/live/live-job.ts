/** A job as the page shows it: what the server said at first, and every event since. Pure. */
import type { Asset, Job, JobEvent, JobStatus, Task } from '../../../src/client/index.ts';

export interface FrameView {
  readonly index: number;
  readonly src: string;
  readonly width: number;
  readonly height: number;
  /** False: some of its tokens are still missing. */
  readonly final: boolean;
}

export interface CandidateView {
  /** By index; undefined where nothing has come yet. */
  readonly frames: readonly (FrameView | undefined)[];
  /** Index of the frame that came last; -1 before the first. */
  readonly newest: number;
  /** Pieces of sound that can be heard, one after the other, as URLs. */
  readonly sounds: readonly string[];
  /** Length of those, ms. */
  readonly heardMs: number;
  /** All of the text so far; null when none is made. */
  readonly text: string | null;
  readonly asset: Asset | null;
}

/** A shot of a film. */
export interface ShotView {
  readonly state: 'waiting' | 'running' | 'ready' | 'failed';
  readonly prompt: string | null;
  readonly asset: Asset | null;
  /** Why it failed. */
  readonly message: string | null;
}

/** `lost`: the connection broke and is being taken up again. */
export type Connection = 'open' | 'lost';

export interface LiveJob {
  readonly id: string;
  readonly task: Task;
  readonly status: JobStatus;
  readonly prompt: string;
  readonly seed: number;
  /** As asked for, ms; null: the model's own clip length. */
  readonly durationMs: number | null;
  readonly queuePosition: number | null;
  readonly tokensDone: number;
  readonly tokensTotal: number;
  readonly tokensPerSecond: number;
  readonly etaMs: number | null;
  readonly executionProvider: string | null;
  /** From acceptance to the first frame, by the server's clock; null before. */
  readonly firstFrameMs: number | null;
  /** From acceptance to the end; null before. */
  readonly totalMs: number | null;
  /** Above 1 after a crash or restart of the server. */
  readonly attempt: number;
  readonly candidates: readonly CandidateView[];
  /** Of a film; else empty. */
  readonly shots: readonly ShotView[];
  readonly connection: Connection;
  readonly error: Job['error'];
  /** Why the page hears no more of the job; the job itself may be well. */
  readonly unheard: unknown;
  readonly warnings: Job['warnings'];
  readonly createdAt: string;
}

export const TERMINAL: ReadonlySet<JobStatus> = new Set<JobStatus>(['SUCCEEDED', 'FAILED', 'CANCELED']);

const EMPTY: CandidateView = { frames: [], newest: -1, sounds: [], heardMs: 0, text: null, asset: null };

export function liveJob(job: Job): LiveJob {
  const { progress } = job;
  return {
    id: job.id,
    task: job.task,
    status: job.status,
    prompt: inputText(job.input, 'prompt') ?? inputText(job.input, 'title') ?? '',
    seed: job.seed,
    durationMs: inputNumber(job.input, 'durationMs'),
    queuePosition: progress.queuePosition,
    tokensDone: progress.tokensDone,
    tokensTotal: progress.tokensTotal,
    tokensPerSecond: progress.tokensPerSecond,
    etaMs: progress.etaMs,
    executionProvider: job.executionProvider,
    firstFrameMs: null,
    totalMs: job.finishedAt === null ? null : Date.parse(job.finishedAt) - Date.parse(job.createdAt),
    attempt: job.attempt,
    candidates: candidatesOf(job),
    shots: [],
    connection: 'open',
    error: job.error,
    unheard: null,
    warnings: job.warnings,
    createdAt: job.createdAt,
  };
}

function candidatesOf(job: Job): CandidateView[] {
  const asked = inputNumber(job.input, 'candidates') ?? 1;
  const views = Array.from({ length: Math.max(1, asked) }, () => EMPTY);
  return job.outputs.reduce((list, asset, index) => withCandidate(list, candidateOf(asset) ?? index, { asset }), views);
}

function candidateOf(asset: Asset): number | null {
  return 'candidate' in asset ? asset.candidate : null;
}

export function applyEvent(job: LiveJob, event: JobEvent): LiveJob {
  const next = withEvent(job, event);
  // What came before the end of a job that was opened after it: it does not begin anew.
  return TERMINAL.has(job.status) && !TERMINAL.has(next.status) ? { ...next, status: job.status, queuePosition: null, etaMs: null, tokensDone: job.tokensDone } : next;
}

function withEvent(job: LiveJob, event: JobEvent): LiveJob {
  const sinceAccepted = Date.parse(event.at) - Date.parse(job.createdAt);
  switch (event.__typename) {
    case 'JobQueued':
      return { ...job, status: 'QUEUED', queuePosition: event.position };
    case 'JobStarted':
      // What an attempt before had drawn stays to be seen until the same frames come again.
      return {
        ...job,
        status: 'RUNNING',
        queuePosition: null,
        etaMs: null,
        tokensDone: 0,
        tokensTotal: event.tokensTotal,
        executionProvider: event.executionProvider,
        candidates: job.candidates.map((view) => marked(view, false)),
      };
    case 'TokensGenerated':
      return { ...job, tokensDone: event.tokensDone, tokensTotal: event.tokensTotal, tokensPerSecond: event.tokensPerSecond, etaMs: event.etaMs };
    case 'FramesDecoded': {
      const { candidate, final, frames } = event;
      const views = frames.map(({ index, width, height, url, dataUrl }) => ({ index, width, height, final, src: dataUrl ?? url }));
      return { ...job, firstFrameMs: job.firstFrameMs ?? sinceAccepted, candidates: withFrames(job.candidates, candidate, views) };
    }
    case 'AudioDecoded': {
      // Begun anew after a restart: the pieces come again from the start.
      const sounds = event.startMs === 0 ? [] : (job.candidates[event.candidate]?.sounds ?? []);
      return { ...job, candidates: withCandidate(job.candidates, event.candidate, { sounds: [...sounds, event.dataUrl ?? event.url], heardMs: event.startMs + event.durationMs }) };
    }
    case 'TextDecoded':
      return { ...job, candidates: withCandidate(job.candidates, event.candidate, { text: event.text }) };
    case 'AssetReady':
      return { ...job, candidates: withCandidate(job.candidates, event.candidate, { asset: event.asset }) };
    case 'ShotStarted':
      return job.task === 'FILM' ? { ...job, shots: withShot(job.shots, event.shot, { state: 'running', prompt: event.prompt }, event.shots) } : job;
    case 'ShotReady':
      return { ...job, shots: withShot(job.shots, event.shot, { state: 'ready', asset: event.asset }) };
    case 'ShotFailed':
      return { ...job, shots: withShot(job.shots, event.shot, { state: 'failed', message: event.message }) };
    case 'JobFinished': {
      const { status, error, warnings, attempt, progress } = event.job;
      // What is stored of an attempt before, a shot of a film, is not drawn again.
      const candidates = status === 'SUCCEEDED' ? job.candidates.map((view) => marked(view, true)) : job.candidates;
      return { ...job, status, error, warnings, attempt, candidates, etaMs: null, tokensDone: progress.tokensDone, totalMs: sinceAccepted, connection: 'open' };
    }
    default:
      // A newer server sends more kinds of events than this page knows.
      return job;
  }
}

function marked(view: CandidateView, final: boolean): CandidateView {
  return { ...view, frames: view.frames.map((frame) => (frame === undefined ? undefined : { ...frame, final })) };
}

function withFrames(views: readonly CandidateView[], candidate: number, frames: readonly FrameView[]): CandidateView[] {
  const merged = [...(views[candidate]?.frames ?? [])];
  for (const frame of frames) merged[frame.index] = frame;
  const newest = frames.at(-1)?.index ?? -1;
  return withCandidate(views, candidate, { frames: Array.from(merged), newest });
}

function withCandidate(views: readonly CandidateView[], index: number, change: Partial<CandidateView>): CandidateView[] {
  const next = Array.from({ length: Math.max(views.length, index + 1) }, (_, at) => views[at] ?? EMPTY);
  next[index] = { ...(next[index] ?? EMPTY), ...change };
  return next;
}

const WAITING: ShotView = { state: 'waiting', prompt: null, asset: null, message: null };

function withShot(shots: readonly ShotView[], index: number, change: Partial<ShotView>, count = 0): ShotView[] {
  const next = Array.from({ length: Math.max(shots.length, index + 1, count) }, (_, at) => shots[at] ?? WAITING);
  next[index] = { ...(next[index] ?? WAITING), ...change };
  return next;
}

/** The part of the work that is done, 0 to 1. */
export function doneShare({ tokensDone, tokensTotal, status }: Pick<LiveJob, 'tokensDone' | 'tokensTotal' | 'status'>): number {
  if (status === 'SUCCEEDED') return 1;
  return tokensTotal === 0 ? 0 : tokensDone / tokensTotal;
}

export function inputText(input: unknown, field: string): string | null {
  const value = inputField(input, field);
  return typeof value === 'string' ? value : null;
}

export function inputNumber(input: unknown, field: string): number | null {
  const value = inputField(input, field);
  return typeof value === 'number' ? value : null;
}

export function inputField(input: unknown, field: string): unknown {
  return typeof input === 'object' && input !== null ? (input as Readonly<Record<string, unknown>>)[field] : undefined;
}
