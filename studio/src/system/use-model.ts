import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { Model } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

const STARTING_POLL_MS = 1000;

/** The loaded model; undefined until it has passed its self-check. */
export function useModel(): UseQueryResult<Model | undefined> {
  const { client } = useStudio();
  return useQuery({
    queryKey: ['model'],
    queryFn: async ({ signal }) => (await client.models({ signal })).find(({ loaded }) => loaded) ?? null,
    select: (model) => model ?? undefined,
    staleTime: 60_000,
    retry: 5,
    refetchInterval: ({ state }) => (state.data == null ? STARTING_POLL_MS : false),
  });
}
