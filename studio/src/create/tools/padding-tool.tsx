import { useRef, type PointerEvent } from 'react';
import type { VideoAsset } from '../../../../src/client/index.ts';
import type { Padding } from '../draft.ts';
import { PercentFields } from './percent-fields.tsx';

interface PaddingToolProps {
  readonly clip: VideoAsset;
  readonly padding: Padding;
  readonly onChange: (padding: Padding) => void;
}

const SIDES = ['left', 'right', 'top', 'bottom'] as const;
type Side = (typeof SIDES)[number];
const MAX = 2;
const OUTWARDS: Readonly<Record<Side, 1 | -1>> = { left: -1, top: -1, right: 1, bottom: 1 };

/** The clip within its new frame: handles on each side, and the same by numbers. */
export function PaddingTool({ clip, padding, onChange }: PaddingToolProps) {
  const picture = useRef<HTMLVideoElement>(null);
  const from = useRef<{ readonly side: Side; readonly at: number; readonly value: number } | null>(null);
  const [width, height] = [1 + padding.left + padding.right, 1 + padding.top + padding.bottom];
  const drag = (event: PointerEvent) => {
    const box = picture.current?.getBoundingClientRect();
    if (from.current === null || box === undefined) return;
    const { side, at, value } = from.current;
    const moved = side === 'left' || side === 'right' ? (event.clientX - at) / box.width : (event.clientY - at) / box.height;
    onChange({ ...padding, [side]: Math.round(Math.min(MAX, Math.max(0, value + moved * OUTWARDS[side])) * 100) / 100 });
  };
  return (
    <>
      <div className="padding-frame" style={{ aspectRatio: `${width * clip.width} / ${height * clip.height}` }}>
        <video
          ref={picture}
          src={clip.url}
          poster={clip.thumbnailUrl}
          muted
          playsInline
          aria-label="The clip in its new frame"
          style={{ left: `${(padding.left / width) * 100}%`, top: `${(padding.top / height) * 100}%`, width: `${100 / width}%`, height: `${100 / height}%` }}
        />
        {SIDES.map((side) => (
          <span
            key={side}
            className={`handle handle-${side}`}
            data-testid={`handle-${side}`}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              from.current = { side, at: side === 'left' || side === 'right' ? event.clientX : event.clientY, value: padding[side] };
            }}
            onPointerMove={drag}
            onPointerUp={() => (from.current = null)}
          />
        ))}
      </div>
      <PercentFields label="Added" names={SIDES} values={padding} max={MAX * 100} onChange={onChange} />
    </>
  );
}
