import { useEffect, useState } from 'react';
import type { Task } from '../../../src/client/index.ts';
import { Chips } from '../ui/chips.tsx';
import { words } from '../ui/format.ts';
import { isEmpty, ORIGINS, type LibraryFilter } from './filter.ts';

const TYPING_PAUSE_MS = 250;
const KIND_CHIPS = [
  { value: '', label: 'Everything' },
  { value: 'VIDEO', label: 'Clips' },
  { value: 'IMAGE', label: 'Pictures' },
  { value: 'AUDIO', label: 'Sounds' },
  { value: 'TEXT', label: 'Texts' },
];

interface FilterBarProps {
  readonly filter: LibraryFilter;
  readonly tasks: readonly Task[];
  /** Of what the filter is by then. */
  readonly onChange: (change: Partial<LibraryFilter>) => void;
}

/** What the library shows. */
export function FilterBar({ filter, tasks, onChange }: FilterBarProps) {
  const text = useTyped(filter.q, (q) => onChange({ q }));
  const tags = useTyped(filter.tags, (value) => onChange({ tags: value }));
  const clear = () => {
    text.forget();
    tags.forget();
    onChange({ q: '', kind: '', origin: '', task: '', tags: '' });
  };
  return (
    <search className="filters">
      <div className="field field-wide">
        <label htmlFor="search">Search</label>
        <input id="search" type="search" placeholder="words of prompt or title" value={text.value} onChange={(event) => text.type(event.target.value)} />
      </div>
      <div className="field">
        <label htmlFor="filter-tags">Tags</label>
        <input id="filter-tags" placeholder="all of these, by commas" value={tags.value} onChange={(event) => tags.type(event.target.value)} />
      </div>
      <div className="field">
        <label htmlFor="filter-task">Made by</label>
        <select id="filter-task" value={filter.task} onChange={(event) => onChange({ task: event.target.value })}>
          <option value="">any task</option>
          {tasks.map((task) => (
            <option key={task} value={task}>
              {words(task)}
            </option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor="filter-origin">Origin</label>
        <select id="filter-origin" value={filter.origin} onChange={(event) => onChange({ origin: event.target.value })}>
          <option value="">any</option>
          {ORIGINS.map((origin) => (
            <option key={origin} value={origin}>
              {words(origin)}
            </option>
          ))}
        </select>
      </div>
      <Chips label="Kind" options={KIND_CHIPS} value={filter.kind} onChange={(kind) => onChange({ kind })} />
      <button type="button" className="quiet" disabled={isEmpty({ ...filter, q: text.value, tags: tags.value })} onClick={clear}>
        Clear
      </button>
    </search>
  );
}

interface Typed {
  readonly value: string;
  type(value: string): void;
  /** What was typed since the last pause does not count. */
  forget(): void;
}

/** A text field whose value counts when the typing pauses. */
function useTyped(value: string, commit: (value: string) => void): Typed {
  const [typed, setTyped] = useState<string | null>(null);
  useEffect(() => {
    if (typed === null) return undefined;
    const timer = setTimeout(() => {
      commit(typed);
      setTyped(null);
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
    // Only typing starts the pause anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [typed]);
  return { value: typed ?? value, type: setTyped, forget: () => setTyped(null) };
}
