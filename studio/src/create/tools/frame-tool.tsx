import { useEffect, useRef } from 'react';
import type { VideoAsset } from '../../../../src/client/index.ts';
import { editFrame } from '../draft.ts';

interface FrameToolProps {
  readonly clip: VideoAsset;
  readonly fromFrame: number;
  readonly onChange: (frame: number) => void;
}

/** Picks the first frame that is made new. */
export function FrameTool({ clip, fromFrame, onChange }: FrameToolProps) {
  const video = useRef<HTMLVideoElement>(null);
  const frame = editFrame(fromFrame, clip);
  useEffect(() => {
    if (video.current !== null) video.current.currentTime = (frame + 0.5) / clip.fps;
  }, [frame, clip.fps]);
  return (
    <>
      <video ref={video} className="source-picture" src={clip.url} width={clip.width} height={clip.height} muted playsInline preload="auto" aria-label={`Frame ${frame + 1}`} />
      <label className="range">
        <span>Goes on from frame {frame + 1}</span>
        <input type="range" min={1} max={clip.frameCount - 1} value={frame} aria-valuetext={`Frame ${frame + 1} of ${clip.frameCount}`} onChange={(event) => onChange(Number(event.target.value))} />
      </label>
    </>
  );
}
