import { useQuery } from '@tanstack/react-query';
import { useStudio } from '../app/studio-context.ts';

export interface OpenedJob {
  /** It is being looked up. */
  readonly opening: boolean;
  /** Why it cannot be shown; null when it can. */
  readonly fault: unknown;
}

const MISSING = { code: 'NOT_FOUND', message: 'This does not exist, or it is not yours.' } as const;

/** Follows the job of that id, which an address names. */
export function useOpenJob(id: string | null): OpenedJob {
  const { jobs } = useStudio();
  // Asked again each time: the job may have been taken off the list since.
  const { data, error, isFetching } = useQuery({ queryKey: ['open job', id], queryFn: () => (id === null ? true : jobs.open(id)), staleTime: 0, gcTime: 0 });
  if (isFetching) return { opening: id !== null, fault: null };
  return { opening: false, fault: error ?? (data === false ? MISSING : null) };
}
