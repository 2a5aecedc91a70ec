import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

/** What is attached. Data is null when it does not exist any more. */
export function useSource(id: string | null): UseQueryResult<Asset | null> {
  const { client } = useStudio();
  return useQuery({ queryKey: ['source', id], queryFn: ({ signal }) => (id === null ? null : client.asset(id, { signal })), staleTime: 60_000 });
}
