import { useEffect, useRef, useState, type PointerEvent } from 'react';

interface BrushCanvasProps {
  /** Pixels of the clip. */
  readonly width: number;
  readonly height: number;
  /** A PNG, white where it was painted, black elsewhere. After each stroke. */
  readonly onMask: (mask: Promise<File>) => void;
  readonly onWipe: () => void;
}

/** Brush width as a share of the picture's. */
const BRUSH = 0.14;
const SCALE = 4;

/** Paints a mask. */
export function BrushCanvas({ width, height, onMask, onWipe }: BrushCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<{ readonly x: number; readonly y: number } | null>(null);
  const [painted, setPainted] = useState(false);
  const size = { width: width * SCALE, height: height * SCALE };

  useEffect(() => clear(canvas.current), []);

  const paint = (event: PointerEvent<HTMLCanvasElement>) => {
    const context = canvas.current?.getContext('2d');
    if (context == null || last.current === null) return;
    const box = event.currentTarget.getBoundingClientRect();
    const to = { x: ((event.clientX - box.left) / box.width) * size.width, y: ((event.clientY - box.top) / box.height) * size.height };
    const from = Number.isNaN(last.current.x) ? to : last.current;
    context.strokeStyle = '#fff';
    context.lineCap = 'round';
    context.lineWidth = BRUSH * size.width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last.current = to;
  };
  const end = () => {
    if (last.current === null || canvas.current === null) return;
    last.current = null;
    setPainted(true);
    onMask(maskOf(canvas.current));
  };
  return (
    <>
      <canvas
        ref={canvas}
        className="brush"
        data-testid="brush"
        {...size}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = { x: Number.NaN, y: Number.NaN };
          paint(event);
        }}
        onPointerMove={paint}
        onPointerUp={end}
        onPointerCancel={end}
      />
      {painted ? (
        <button
          type="button"
          className="quiet small brush-clear"
          onClick={() => {
            clear(canvas.current);
            setPainted(false);
            onWipe();
          }}
        >
          Wipe
        </button>
      ) : null}
    </>
  );
}

function maskOf(canvas: HTMLCanvasElement): Promise<File> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error('the mask could not be written')) : resolve(new File([blob], 'mask.png', { type: 'image/png' }))), 'image/png');
  });
}

/** Black is kept; the canvas is blended so that black cannot be seen. */
function clear(canvas: HTMLCanvasElement | null): void {
  const context = canvas?.getContext('2d');
  if (canvas === null || context == null) return;
  context.fillStyle = '#000';
  context.fillRect(0, 0, canvas.width, canvas.height);
}
