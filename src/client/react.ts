/** For React 18 and later. */
import { useCallback, useEffect, useReducer, useRef } from 'react';
import type { CinegraphClient } from './client.ts';
import { CinegraphClientError, UnreachableError } from './errors.ts';
import { IDLE, reduceGeneration, type GenerationState } from './generation-state.ts';
import type { JobHandle } from './job-handle.ts';
import type { GenerateInput } from './types.ts';

export type { GenerationPhase, GenerationState } from './generation-state.ts';

export interface Generation extends GenerationState {
  /** Sends one task, `start({ textToVideo: { prompt } })`, and follows its job. Takes the place of the one before, which goes on unseen. */
  start(input: GenerateInput): void;
  /** Follows a job that was made before, for example before the page was loaded again. */
  attach(jobId: string): void;
  /** Does nothing when there is no job, or it has ended. */
  cancel(): void;
  /** Back to `idle`. The job goes on. */
  reset(): void;
}

export interface GenerationOptions {
  /** Pictures inside the events, as `dataUrl`. Default: yes. */
  readonly previews?: boolean;
}

/** One generation at a time, with live state. The job goes on when the component is gone; only the watching ends. */
export function useGeneration(client: CinegraphClient, { previews = true }: GenerationOptions = {}): Generation {
  const [state, dispatch] = useReducer(reduceGeneration, IDLE);
  const watching = useRef<AbortController | null>(null);

  const leave = useCallback(() => watching.current?.abort(), []);
  useEffect(() => leave, [leave]);

  const follow = useCallback(
    (open: (signal: AbortSignal) => Promise<JobHandle>) => {
      leave();
      const controller = new AbortController();
      watching.current = controller;
      dispatch({ type: 'start' });
      void watch(open, controller.signal, previews, (action) => {
        if (!controller.signal.aborted) dispatch(action);
      }, client.url);
    },
    [client, leave, previews],
  );
  const start = useCallback((input: GenerateInput) => follow((signal) => client.generate(input, { signal })), [client, follow]);
  const attach = useCallback((jobId: string) => follow((signal) => client.attach(jobId, { signal })), [client, follow]);
  const reset = useCallback(() => {
    leave();
    dispatch({ type: 'reset' });
  }, [leave]);
  const jobId = state.job?.finishedAt === null ? state.job.id : null;
  const cancel = useCallback(() => {
    // It may have ended a moment ago; its last event says how.
    if (jobId !== null) client.cancel(jobId).catch(() => undefined);
  }, [client, jobId]);
  return { ...state, start, attach, cancel, reset };
}

type Dispatch = (action: Parameters<typeof reduceGeneration>[1]) => void;

async function watch(open: (signal: AbortSignal) => Promise<JobHandle>, signal: AbortSignal, previews: boolean, dispatch: Dispatch, url: string): Promise<void> {
  let handle: JobHandle;
  try {
    handle = await open(signal);
  } catch (error) {
    return dispatch({ type: 'refused', error: asClientError(error, url) });
  }
  dispatch({ type: 'accepted', handle });
  try {
    for await (const event of handle.events({ previews, signal })) dispatch({ type: 'event', event });
  } catch (error) {
    dispatch({ type: 'lost', error: asClientError(error, url) });
  }
}

function asClientError(error: unknown, url: string): CinegraphClientError {
  return error instanceof CinegraphClientError ? error : new UnreachableError(url, error);
}
