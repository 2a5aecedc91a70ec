import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { useStudio } from '../app/studio-context.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import './access.css';

interface KeyDialogProps {
  /** A key was sent, and the server does not take it. */
  readonly wrong: boolean;
  /** The server takes the new one. */
  readonly onAccepted: () => void;
  /** Null: there is nothing to be done without a key. */
  readonly onClose: (() => void) | null;
}

/** Asks for an API key, tries it, and says how to get one. What was typed on the page behind it stays. */
export function KeyDialog({ wrong, onAccepted, onClose }: KeyDialogProps) {
  const { client, credentials } = useStudio();
  const dialog = useRef<HTMLDialogElement>(null);
  const [heading, field] = [useId(), useId()];
  const [key, setKey] = useState('');
  const [keep, setKeep] = useState(false);
  const [trying, setTrying] = useState(false);
  const [fault, setFault] = useState<unknown>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    return () => element?.close();
  }, []);
  const attempt = async (event: FormEvent) => {
    event.preventDefault();
    setTrying(true);
    setFault(null);
    credentials.use(key.trim(), keep);
    try {
      await client.viewer();
      onAccepted();
    } catch (error) {
      setFault(error);
      setTrying(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      className="key-dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
    >
      <form onSubmit={(event) => void attempt(event)}>
        <h2 id={heading}>{onClose === null ? 'This server asks for a key' : 'Use a key'}</h2>
        <p>
          {wrong ? 'It does not take the one that was sent: it may have been revoked, have expired, or be mistyped. ' : ''}
          Whoever runs the server makes one with <code>npm run keys -- create --name studio</code>.
        </p>
        <div className="field">
          <label htmlFor={field}>API key</label>
          <input id={field} type="password" autoComplete="off" spellCheck={false} required value={key} aria-invalid={fault !== null} onChange={(event) => setKey(event.target.value)} />
        </div>
        <label className="lock">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
          Keep it until this tab is closed. Else it is gone with the next reload.
        </label>
        {fault === null ? null : <ErrorNote error={fault} />}
        <div className="actions">
          <button type="submit" disabled={trying || key.trim() === ''}>
            {trying ? 'Trying…' : 'Use this key'}
          </button>
          {onClose === null ? null : (
            <button type="button" className="quiet" onClick={onClose}>
              Close
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
