import { useEffect, useRef, type PointerEvent } from 'react';
import type { VideoAsset } from '../../../../src/client/index.ts';
import { Chips } from '../../ui/chips.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import type { Draft, Rectangle } from '../draft.ts';
import type { Upload } from '../use-upload.ts';
import { BrushCanvas } from './brush-canvas.tsx';
import { PercentFields } from './percent-fields.tsx';

interface MaskToolProps {
  readonly clip: VideoAsset;
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly upload: Upload;
  /** A mask that was on its way will not come. */
  readonly onLost: () => void;
}

const MODES = [
  { value: 'rectangle', label: 'Rectangle' },
  { value: 'brush', label: 'Brush' },
] as const;
const MIN_SIDE = 0.05;

/** Marks what is made new: a rectangle by pointer or by numbers, or strokes of a brush that become a mask. */
export function MaskTool({ clip, draft, change, upload, onLost }: MaskToolProps) {
  const mode = draft.markWith;
  const { cancel } = upload;
  // A mask for a clip that is not shown any more, or for a brush that was put away.
  useEffect(() => cancel, [cancel]);
  const store = (mask: Promise<File>) => upload.send(mask, { arrived: ({ id }) => change({ mask: id }), lost: onLost });
  const wipe = () => {
    cancel();
    change({ mask: null });
  };
  return (
    <>
      <div className="canvas-box">
        <video className="source-picture" src={clip.url} poster={clip.thumbnailUrl} width={clip.width} height={clip.height} muted playsInline preload="auto" aria-label="The clip to inpaint" />
        {mode === 'rectangle' ? <RectangleLayer rectangle={draft.rectangle} onChange={(rectangle) => change({ rectangle, mask: null })} /> : <BrushCanvas width={clip.width} height={clip.height} onMask={store} onWipe={wipe} />}
      </div>
      <Chips
        label="Mark with"
        options={MODES}
        value={mode}
        onChange={(markWith) => {
          wipe();
          change({ markWith });
        }}
      />
      {mode === 'rectangle' ? <PercentFields label="Rectangle" names={['x', 'y', 'width', 'height']} values={draft.rectangle} max={100} onChange={(rectangle) => change({ rectangle: inside(rectangle), mask: null })} /> : null}
      {mode === 'brush' ? <p className="dim" role="status">{maskStatus(draft.mask, upload.share)}</p> : null}
      {upload.error === null ? null : <ErrorNote error={upload.error} onDismiss={upload.dismiss} />}
    </>
  );
}

function maskStatus(mask: string | null, share: number | null): string {
  if (share !== null) return 'Storing the mask…';
  return mask === null ? 'Paint over what shall be made new. Without a pointer, use the rectangle.' : 'The mask is stored. Paint on to change it.';
}

/** Kept within the picture. */
function inside({ x, y, width, height }: Rectangle): Rectangle {
  const at = (value: number) => Math.min(Math.max(value, 0), 1 - MIN_SIDE);
  return { x: at(x), y: at(y), width: Math.min(Math.max(width, MIN_SIDE), 1 - at(x)), height: Math.min(Math.max(height, MIN_SIDE), 1 - at(y)) };
}

function RectangleLayer({ rectangle, onChange }: { readonly rectangle: Rectangle; readonly onChange: (rectangle: Rectangle) => void }) {
  const start = useRef<{ readonly x: number; readonly y: number } | null>(null);
  const point = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1), y: Math.min(Math.max((event.clientY - box.top) / box.height, 0), 1) };
  };
  return (
    <div
      className="rectangle-layer"
      data-testid="rectangle-layer"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = point(event);
      }}
      onPointerMove={(event) => {
        if (start.current === null) return;
        const [from, to] = [start.current, point(event)];
        onChange(inside({ x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y) }));
      }}
      onPointerUp={() => (start.current = null)}
    >
      <div className="rectangle" style={{ left: `${rectangle.x * 100}%`, top: `${rectangle.y * 100}%`, width: `${rectangle.width * 100}%`, height: `${rectangle.height * 100}%` }} />
    </div>
  );
}
