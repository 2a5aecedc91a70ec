import { useCallback, useRef, useState } from 'react';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';

/** What becomes of a file: one of the two is called, once, in the step in which `share` becomes null; neither where another file takes its place. */
export interface UploadOutcome {
  readonly arrived: (asset: Asset) => void;
  /** It was refused or stopped. */
  readonly lost: () => void;
}

export interface Upload {
  /** 0 to 1; null when nothing is on the way. */
  readonly share: number | null;
  readonly name: string;
  readonly error: unknown;
  /** A file that is still being written counts as on the way. */
  send(file: File | Promise<File>, outcome: UploadOutcome): void;
  cancel(): void;
  dismiss(): void;
}

/** One file at a time; another takes its place. */
export function useUpload(): Upload {
  const { client } = useStudio();
  const [state, setState] = useState<Pick<Upload, 'share' | 'name' | 'error'>>({ share: null, name: '', error: null });
  const current = useRef<{ readonly controller: AbortController; readonly lost: () => void } | null>(null);
  const run = useCallback(
    async (file: File | Promise<File>, { arrived, lost }: UploadOutcome) => {
      current.current?.controller.abort();
      const controller = new AbortController();
      const { signal } = controller;
      const mine = { controller, lost };
      current.current = mine;
      const set = (next: typeof state) => {
        if (current.current === mine) setState(next);
      };
      let name = file instanceof File ? file.name : '';
      set({ share: 0, name, error: null });
      try {
        const data = await file;
        name = data.name;
        const asset = await client.upload(data, { signal, onProgress: ({ sentBytes, totalBytes }) => set({ share: totalBytes === 0 ? 0 : sentBytes / totalBytes, name, error: null }) });
        if (current.current !== mine) return;
        current.current = null;
        setState({ share: null, name, error: null });
        arrived(asset);
      } catch (error) {
        if (current.current !== mine) return;
        current.current = null;
        setState({ share: null, name, error });
        lost();
      }
    },
    [client],
  );
  const send = useCallback<Upload['send']>((file, outcome) => void run(file, outcome), [run]);
  const cancel = useCallback(() => {
    if (current.current === null) return;
    const { controller, lost } = current.current;
    current.current = null;
    controller.abort();
    setState((was) => ({ ...was, share: null }));
    lost();
  }, []);
  const dismiss = useCallback(() => setState((was) => ({ ...was, error: null })), []);
  return { ...state, send, cancel, dismiss };
}
