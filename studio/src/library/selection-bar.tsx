import { useState, type FormEvent } from 'react';
import { useStudio } from '../app/studio-context.ts';
import { tagsOf } from '../create/draft.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { plural } from '../ui/format.ts';
import { useToast } from '../ui/toasts.tsx';
import { addTags, deleteAssets, restoreAssets, setTags as restoreTags } from './change-assets.ts';
import type { Selection } from './use-selection.ts';
import type { Tiles } from './use-tiles.ts';

interface SelectionBarProps {
  readonly selection: Selection;
  readonly tiles: Pick<Tiles, 'hide' | 'refresh'>;
  readonly onChanged: () => void;
  /** The list is not the one that was changed. */
  readonly onStale: () => void;
}

/** What can be done with everything that is ticked. */
export function SelectionBar({ selection, tiles, onChanged, onStale }: SelectionBarProps) {
  const { client } = useStudio();
  const toast = useToast();
  const [tags, setTags] = useState('');
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  /** @param action is told what is ticked now: that may change until the server has answered */
  const attempt = async (action: (ids: readonly string[]) => Promise<void>) => {
    if (busy) return;
    setFault(null);
    setBusy(true);
    try {
      await action([...selection.ids]);
    } catch (error) {
      setFault(error);
    }
    setBusy(false);
    onChanged();
  };
  const remove = () =>
    attempt(async (ids) => {
      await deleteAssets(client, ids);
      const putBack = tiles.hide(ids);
      selection.drop(ids);
      const undo = async () => {
        try {
          await restoreAssets(client, ids);
          if (!putBack()) onStale();
          toast({ text: `${plural(ids.length, 'asset')} restored.` });
        } catch {
          toast({ text: 'They could not be restored. Try again.', action: { label: 'Undo', run: () => void undo() } });
        }
        onChanged();
      };
      toast({ text: `${plural(ids.length, 'asset')} deleted.`, action: { label: 'Undo', run: () => void undo() } });
    });
  const tag = (event: FormEvent) => {
    event.preventDefault();
    const added = tagsOf(tags);
    if (added.length === 0) return;
    void attempt(async (ids) => {
      const before = await addTags(client, ids, added);
      setTags('');
      selection.drop(ids);
      // What was read before lacks the new tags, and would take them away with the next change.
      tiles.refresh();
      const undo = async () => {
        try {
          await restoreTags(client, before);
          toast({ text: 'The tags are as they were.' });
        } catch {
          toast({ text: 'The tags could not be put back. Try again.', action: { label: 'Undo', run: () => void undo() } });
        }
        tiles.refresh();
        onChanged();
      };
      toast({ text: `${plural(before.length, 'asset')} tagged ${added.join(', ')}.`, action: { label: 'Undo', run: () => void undo() } });
    });
  };
  return (
    <section className="selection-bar panel" aria-label="Selected assets">
      <p role="status">{selection.ids.size} selected</p>
      <form onSubmit={tag}>
        <label htmlFor="add-tags" className="visually-hidden">
          Tags to add
        </label>
        <input id="add-tags" placeholder="tags, by commas" value={tags} onChange={(event) => setTags(event.target.value)} />
        <button type="submit" className="quiet" disabled={busy}>
          Add tags
        </button>
      </form>
      <button type="button" className="danger" disabled={busy} onClick={() => void remove()}>
        Delete
      </button>
      <button type="button" className="quiet" onClick={selection.clear}>
        Clear
      </button>
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
    </section>
  );
}
