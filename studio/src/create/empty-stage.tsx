import type { Model } from '../../../src/client/index.ts';
import '../live/live.css';

interface EmptyStageProps {
  readonly limits: Model['limits'];
  /** A job is being looked up. */
  readonly opening: boolean;
}

/** As large as the stage, so that nothing jumps when the first frame comes. */
export function EmptyStage({ limits, opening }: EmptyStageProps) {
  return (
    <section className="stage" aria-label="Stage">
      <div className="screens screens-1">
        <div className="screen screen-empty" style={{ aspectRatio: limits === null ? '1' : `${limits.width} / ${limits.height}` }}>
          {opening ? <p>Opening the job…</p> : <p>Write what you want to see and press Enter. Each frame appears here the moment it can be decoded, while the model still writes the rest.</p>}
        </div>
      </div>
      <div className="strip" aria-hidden="true">
        {Array.from({ length: Math.min(limits?.frameCount ?? 17, 24) }, (_, index) => (
          <div key={index} className="slot" />
        ))}
      </div>
      <div className="player-place" aria-hidden="true" />
      <div className="progress" aria-hidden="true" />
    </section>
  );
}
