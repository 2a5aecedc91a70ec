import { useQuery } from '@tanstack/react-query';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

/** What the draft is made from, as far as the page knows it. */
export type Attachment =
  | { readonly state: 'none' }
  | { readonly state: 'loading' }
  | { readonly state: 'there'; readonly asset: Asset }
  /** It cannot be read, or does not exist any more. */
  | { readonly state: 'failed'; readonly error: unknown; readonly retry: () => void };

const GONE = { code: 'NOT_FOUND', message: 'What was attached does not exist any more, or it is not yours. Remove it, or take something else.' } as const;

export function attachmentKey(id: string | null): readonly unknown[] {
  return ['attachment', id];
}

/** @param id of an asset; null for none */
export function useAttachment(id: string | null): Attachment {
  const { client } = useStudio();
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: attachmentKey(id),
    queryFn: ({ signal }) => (id === null ? null : client.asset(id, { signal })),
    staleTime: 60_000,
  });
  if (id === null) return { state: 'none' };
  if (data != null) return { state: 'there', asset: data };
  if (isFetching || (data === undefined && error === null)) return { state: 'loading' };
  return { state: 'failed', error: error ?? GONE, retry: () => void refetch() };
}
