import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useSearchParams } from 'wouter';
import type { Job } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

export interface Remixed {
  /** What is typed now would be lost: the job's own words are on their way. */
  readonly filling: boolean;
  /** Why the job cannot be filled in; null when it can. */
  readonly fault: unknown;
  retry(): void;
}

const GONE = { code: 'NOT_FOUND', message: 'The job to remix does not exist any more, or it is not yours.' } as const;

/**
 * Fills in the job that `?remix=` names.
 * @param fits a job that does not is as good as none
 * @param fill also goes to another address: as long as this one stands, the form is not to be used
 */
export function useRemixed(fits: (job: Job) => boolean, fill: (job: Job) => void): Remixed {
  const { client } = useStudio();
  const [search] = useSearchParams();
  const id = search.get('remix');
  const { data, error, isFetching, refetch } = useQuery({ queryKey: ['remix', id], queryFn: ({ signal }) => (id === null ? null : client.job(id, { signal })) });
  const latest = useRef(fill);
  latest.current = fill;
  const job = id === null || data == null || !fits(data) ? null : data;
  useEffect(() => {
    if (job !== null) latest.current(job);
  }, [job]);
  const fault = id === null || isFetching || job !== null ? null : (error ?? GONE);
  return { filling: id !== null && fault === null, fault, retry: () => void refetch() };
}
