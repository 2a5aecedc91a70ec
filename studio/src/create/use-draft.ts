import { useCallback, useEffect, useState } from 'react';
import { read, write } from '../ui/storage.ts';
import { EMPTY_DRAFT, type Draft } from './draft.ts';

/** A function is told what the draft is by then. */
export type DraftChange = Partial<Draft> | ((draft: Draft) => Partial<Draft>);

/** The draft outlives a reload. */
export function useDraft(): readonly [Draft, (change: DraftChange) => void] {
  const [draft, setDraft] = useState<Draft>(restore);
  useEffect(() => write('draft', JSON.stringify(draft)), [draft]);
  const change = useCallback((next: DraftChange) => setDraft((was) => ({ ...was, ...(typeof next === 'function' ? next(was) : next) })), []);
  return [draft, change];
}

/** What an older version of the page stored may lack fields. */
function restore(): Draft {
  try {
    const stored = JSON.parse(read('draft') ?? '{}') as Partial<Draft>;
    return { ...EMPTY_DRAFT, ...stored, sampling: { ...EMPTY_DRAFT.sampling, ...stored.sampling } };
  } catch {
    return EMPTY_DRAFT;
  }
}
