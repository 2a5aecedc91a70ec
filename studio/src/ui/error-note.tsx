import { explain } from './explain.ts';

export interface NoteAction {
  readonly label: string;
  readonly run: () => void;
}

interface ErrorNoteProps {
  readonly error: unknown;
  readonly action?: NoteAction | undefined;
  readonly onDismiss?: (() => void) | undefined;
}

/** What went wrong, in words, and the way out. */
export function ErrorNote({ error, action, onDismiss }: ErrorNoteProps) {
  const { message, wayOut } = explain(error);
  return (
    <div className="note note-bad" role="alert">
      <p>
        {message} {wayOut}
      </p>
      {action === undefined ? null : (
        <button type="button" className="quiet" onClick={action.run}>
          {action.label}
        </button>
      )}
      {onDismiss === undefined ? null : (
        <button type="button" className="quiet" onClick={onDismiss}>
          Dismiss
        </button>
      )}
    </div>
  );
}
