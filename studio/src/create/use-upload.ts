import { useCallback, useRef, useState } from 'react';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

export interface Upload {
  /** 0 to 1; null when nothing is on the way. */
  readonly share: number | null;
  readonly name: string;
  readonly error: unknown;
  /** Rejects nothing: what went wrong is in `error`. */
  send(file: Blob & { readonly name?: string }): Promise<Asset | null>;
  cancel(): void;
  dismiss(): void;
}

/** One file at a time; another takes its place. */
export function useUpload(): Upload {
  const { client } = useStudio();
  const [state, setState] = useState<Pick<Upload, 'share' | 'name' | 'error'>>({ share: null, name: '', error: null });
  const current = useRef<AbortController | null>(null);
  const send = useCallback<Upload['send']>(
    async (file) => {
      current.current?.abort();
      const controller = new AbortController();
      current.current = controller;
      const name = file.name ?? 'a pasted file';
      const set = (next: typeof state) => {
        if (current.current === controller) setState(next);
      };
      set({ share: 0, name, error: null });
      try {
        const asset = await client.upload(file, {
          ...(file.name === undefined ? { filename: 'pasted' } : {}),
          signal: controller.signal,
          onProgress: ({ sentBytes, totalBytes }) => set({ share: totalBytes === 0 ? 0 : sentBytes / totalBytes, name, error: null }),
        });
        set({ share: null, name, error: null });
        return asset;
      } catch (error) {
        set({ share: null, name, error: controller.signal.aborted ? null : error });
        return null;
      }
    },
    [client],
  );
  const cancel = useCallback(() => {
    current.current?.abort();
    setState((was) => ({ ...was, share: null }));
  }, []);
  const dismiss = useCallback(() => setState((was) => ({ ...was, error: null })), []);
  return { ...state, send, cancel, dismiss };
}
