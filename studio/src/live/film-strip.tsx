import { useId, type KeyboardEvent } from 'react';
import type { FrameView } from './live-job.ts';

interface FilmStripProps {
  readonly frames: readonly (FrameView | undefined)[];
  /** Frames to come in all; 0 when unknown. */
  readonly expected: number;
  /** The frame that is shown large; -1 for none. */
  readonly current: number;
  readonly onShow: (index: number) => void;
}

const MAX_SLOTS = 400;

/** Every frame, from the first moment it can be seen. One stop for the Tab key; arrow keys move along it. */
export function FilmStrip({ frames, expected, current, onShow }: FilmStripProps) {
  const id = useId();
  const slots = Math.min(MAX_SLOTS, Math.max(expected, frames.length));
  const there = frames.filter((frame) => frame !== undefined);
  const move = (event: KeyboardEvent) => {
    const at = there.findIndex(({ index }) => index === current);
    const target = { ArrowLeft: there[at - 1], ArrowRight: there[at + 1], Home: there[0], End: there.at(-1) }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    onShow(target.index);
  };
  // The clip may be further than the strip, whose frames come one after the other.
  const active = frames[current] === undefined ? {} : { 'aria-activedescendant': `${id}-${current}` };
  const listbox = there.length === 0 ? {} : ({ role: 'listbox', 'aria-label': 'Film strip', 'aria-orientation': 'horizontal', tabIndex: 0, ...active } as const);
  return (
    <div className={`strip${slots > 24 ? ' strip-long' : ''}`} onKeyDown={move} {...listbox}>
      {Array.from({ length: slots }, (_, index) => {
        const frame = frames[index];
        if (frame === undefined) return <div key={index} className="slot" aria-hidden="true" />;
        return (
          <div
            key={index}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === current}
            aria-label={`Frame ${index + 1}${frame.final ? '' : ', sketch'}`}
            className={`slot${frame.final ? '' : ' slot-sketch'}`}
            onClick={() => onShow(index)}
          >
            <img src={frame.src} width={frame.width} height={frame.height} alt="" />
          </div>
        );
      })}
    </div>
  );
}
