import { useSyncExternalStore } from 'react';
import { useStudio } from '../app/studio-context.ts';
import { TERMINAL, type LiveJob } from './live-job.ts';

export function useJobs(): readonly LiveJob[] {
  const { jobs } = useStudio();
  return useSyncExternalStore(jobs.subscribe, jobs.snapshot);
}

/** Jobs that wait or run. */
export function useRunningCount(): number {
  const { jobs } = useStudio();
  return useSyncExternalStore(jobs.subscribe, () => jobs.snapshot().filter(({ status }) => !TERMINAL.has(status)).length);
}
