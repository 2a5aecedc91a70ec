import { useEffect, useRef, useState } from 'react';
import { seconds } from '../ui/format.ts';

interface SoundSoFarProps {
  /** URLs, one after the other; more come. */
  readonly pieces: readonly string[];
  readonly heardMs: number;
}

/** A sound that is still being made: what is there can be heard. */
export function SoundSoFar({ pieces, heardMs }: SoundSoFarProps) {
  const audio = useRef<HTMLAudioElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const piece = at === null ? undefined : pieces[at];
  useEffect(() => {
    // A browser may forbid it; the button is there.
    if (piece !== undefined) audio.current?.play().catch(() => setAt(null));
  }, [piece]);
  const playing = piece !== undefined;
  return (
    <div className="screen-sound">
      <p>{seconds(heardMs)} of it can be heard</p>
      <button type="button" className="quiet" aria-pressed={playing} onClick={() => setAt(playing ? null : 0)}>
        {playing ? 'Stop' : 'Listen'}
      </button>
      {playing ? <audio ref={audio} src={piece} onEnded={() => setAt((was) => (was === null ? null : was + 1))} /> : null}
    </div>
  );
}
