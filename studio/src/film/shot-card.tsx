import { useId, type KeyboardEvent, type PointerEvent } from 'react';
import type { Style } from '../../../src/client/index.ts';
import { styleOptions } from '../create/styles.ts';
import type { ShotDraft } from './storyboard.ts';

interface ShotCardProps {
  readonly shot: ShotDraft;
  readonly number: number;
  readonly count: number;
  /** Looks that the model knows. */
  readonly styles: readonly Style[];
  readonly invalid: boolean;
  /** It follows the pointer. */
  readonly dragged: boolean;
  readonly onChange: (change: Partial<ShotDraft>) => void;
  readonly onDrag: (event: PointerEvent) => void;
  readonly onMove: (by: number) => void;
  readonly onRemove: () => void;
}

const CAMERAS = ['', 'still', 'pan left', 'pan right', 'pan up', 'pan down', 'zoom in', 'zoom out'];

/** One shot of the plan. */
export function ShotCard({ shot, number, count, styles, invalid, dragged, onChange, onDrag, onMove, onRemove }: ShotCardProps) {
  const id = useId();
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    onMove(by);
  };
  return (
    <li className={dragged ? 'shot panel shot-dragged' : 'shot panel'}>
      <div className="shot-head">
        <h2>Shot {number}</h2>
        <button type="button" className="quiet small shot-handle" aria-label={`Drag shot ${number}, or move it with the arrow keys`} disabled={count === 1} onPointerDown={onDrag} onKeyDown={onKeyDown}>
          ⠿
        </button>
      </div>
      <label htmlFor={`${id}-prompt`}>What it shows</label>
      <textarea id={`${id}-prompt`} rows={2} value={shot.prompt} aria-invalid={invalid} placeholder="a fox bounces on a red background" onChange={(event) => onChange({ prompt: event.target.value })} />
      <div className="shot-row">
        <div className="field">
          <label htmlFor={`${id}-camera`}>Camera</label>
          <select id={`${id}-camera`} value={shot.camera} onChange={(event) => onChange({ camera: event.target.value })}>
            {CAMERAS.map((camera) => (
              <option key={camera} value={camera}>
                {camera === '' ? 'as written' : camera}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor={`${id}-style`}>Style</label>
          <input id={`${id}-style`} value={shot.style} list={`${id}-styles`} placeholder="as written" onChange={(event) => onChange({ style: event.target.value })} />
          <datalist id={`${id}-styles`}>
            {styleOptions(styles, '').map(({ value, label }) => (value === '' ? null : <option key={value} value={value.toLowerCase()} label={label} />))}
          </datalist>
        </div>
      </div>
      <label className="lock">
        <input type="checkbox" checked={number > 1 && shot.continuePrevious} disabled={number === 1} onChange={(event) => onChange({ continuePrevious: event.target.checked })} />
        Begins where the shot before ends
      </label>
      <div className="actions">
        <button type="button" className="quiet small" disabled={number === 1} aria-label={`Move shot ${number} up`} onClick={() => onMove(-1)}>
          ↑
        </button>
        <button type="button" className="quiet small" disabled={number === count} aria-label={`Move shot ${number} down`} onClick={() => onMove(1)}>
          ↓
        </button>
        <button type="button" className="quiet small" disabled={count === 1} aria-label={`Remove shot ${number}`} onClick={onRemove}>
          Remove
        </button>
      </div>
    </li>
  );
}
