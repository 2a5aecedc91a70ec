import { useEffect, useState } from 'react';
import type { Model, VideoAsset } from '../../../src/client/index.ts';
import { hasFrames } from '../create/tasks.ts';
import { TERMINAL, type LiveJob } from './live-job.ts';
import { FilmStrip } from './film-strip.tsx';
import { JobActions } from './job-actions.tsx';
import { JobProgress } from './job-progress.tsx';
import { PlayerControls } from './player-controls.tsx';
import { Screen } from './screen.tsx';
import { useSyncedPlayback } from './use-synced-playback.ts';
import './live.css';

interface StageProps {
  readonly job: LiveJob;
  readonly limits: Model['limits'];
}

/** A job, being made or made: its candidates side by side, the film strip of the chosen one, how far it is. */
export function Stage({ job, limits }: StageProps) {
  const [chosen, setChosen] = useState(0);
  const [pinned, setPinned] = useState<number | null>(null);
  const clips = job.candidates.map(({ asset }) => (asset?.__typename === 'VideoAsset' ? asset : null));
  const playback = useSyncedPlayback(clips.filter((clip) => clip !== null).length);
  const view = job.candidates[chosen] ?? job.candidates[0];
  const clip = clips[chosen] ?? null;
  const ended = TERMINAL.has(job.status);

  useEffect(() => setPinned(null), [ended]);

  const showFrame = (index: number) => {
    if (clip === null) return setPinned(index);
    // The middle of the frame: its edge may still show the one before.
    playback.seek((index + 0.5) / clip.fps);
  };
  return (
    <section className="stage" aria-label={`Stage: ${job.prompt}`}>
      <div className={`screens screens-${Math.min(job.candidates.length, 4)}`}>
        {job.candidates.map((candidate, index) => (
          <Screen
            key={index}
            view={candidate}
            prompt={job.prompt}
            ended={ended}
            size={limits}
            pinned={index === chosen ? pinned : null}
            videoRef={playback.register(index)}
            choice={job.candidates.length < 2 ? null : { number: index + 1, chosen: index === chosen, choose: () => setChosen(index) }}
          />
        ))}
      </div>
      {hasFrames(job.task) ? (
      <FilmStrip frames={view?.frames ?? []} expected={expectedFrames(job, limits, clip)} current={clip === null ? (pinned ?? view?.newest ?? -1) : Math.floor(playback.time * clip.fps)} onShow={showFrame} />
      ) : null}
      <div className="player-place">
        {clip === null ? null : <PlayerControls playback={playback} clip={clip} />}
        {clip === null && pinned !== null ? (
          <button type="button" className="quiet" onClick={() => setPinned(null)}>
            Back to the newest frame
          </button>
        ) : null}
      </div>
      <JobProgress job={job} />
      <JobActions job={job} asset={view?.asset ?? null} />
    </section>
  );
}

function expectedFrames(job: LiveJob, limits: Model['limits'], clip: VideoAsset | null): number {
  if (job.task === 'TEXT_TO_IMAGE') return 1;
  // How long a film or an extended clip becomes shows as it grows.
  if (job.task === 'FILM' || job.task === 'EXTEND_VIDEO') return clip?.frameCount ?? 0;
  const asked = job.durationMs === null || limits === null ? null : Math.round((job.durationMs * limits.fps) / 1000);
  return clip?.frameCount ?? asked ?? limits?.frameCount ?? 0;
}
