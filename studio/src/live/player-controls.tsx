import type { VideoAsset } from '../../../src/client/index.ts';
import type { Playback } from './use-synced-playback.ts';

interface PlayerControlsProps {
  readonly playback: Playback;
  readonly clip: Pick<VideoAsset, 'fps' | 'frameCount' | 'hasAudio'>;
}

/** Play, pause, and a slider that moves frame by frame. */
export function PlayerControls({ playback, clip }: PlayerControlsProps) {
  const { playing, time, muted } = playback;
  const last = Math.max(0, clip.frameCount - 1);
  const frame = Math.min(last, Math.floor(time * clip.fps));
  return (
    <div className="player-controls">
      <button type="button" className="quiet" onClick={playback.toggle} aria-pressed={playing}>
        {playing ? 'Pause' : 'Play'}
      </button>
      <input
        type="range"
        aria-label="Frame"
        min={0}
        max={last}
        step={1}
        value={frame}
        aria-valuetext={`Frame ${frame + 1} of ${clip.frameCount}`}
        onChange={(event) => playback.seek((Number(event.target.value) + 0.5) / clip.fps)}
      />
      <output className="figures">
        {String(frame + 1).padStart(String(clip.frameCount).length, ' ')} / {clip.frameCount}
      </output>
      {clip.hasAudio ? (
        <button type="button" className="quiet" aria-pressed={!muted} onClick={() => playback.setMuted(!muted)}>
          {muted ? 'Sound on' : 'Sound off'}
        </button>
      ) : null}
    </div>
  );
}
