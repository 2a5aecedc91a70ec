import { useEffect, useRef, useState, type PointerEvent as ReactPointerEvent, type RefObject } from 'react';

export interface DragOrder {
  readonly list: RefObject<HTMLOListElement | null>;
  /** Index of the item that is being dragged; null for none. */
  readonly dragged: number | null;
  /** For the handle of an item. */
  begin(index: number, event: ReactPointerEvent): void;
}

/** Moves an item of a list to wherever its handle is dragged, by mouse, pen or finger. @param onMove from one index to another */
export function useDragOrder(onMove: (from: number, to: number) => void): DragOrder {
  const list = useRef<HTMLOListElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const move = useRef(onMove);
  move.current = onMove;
  // On the window: the handle itself moves in the document while it is dragged, and would lose a capture.
  useEffect(() => {
    if (dragged === null) return undefined;
    const onPointerMove = ({ clientX, clientY }: PointerEvent) => {
      const to = [...(list.current?.children ?? [])].findIndex((item) => holds(item.getBoundingClientRect(), clientX, clientY));
      if (to === -1 || to === dragged) return;
      move.current(dragged, to);
      setDragged(to);
    };
    const end = () => setDragged(null);
    addEventListener('pointermove', onPointerMove);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
    return () => {
      removeEventListener('pointermove', onPointerMove);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
    };
  }, [dragged]);
  return {
    list,
    dragged,
    begin(index, event) {
      if (event.button === 0) setDragged(index);
    },
  };
}

function holds({ left, right, top, bottom }: DOMRect, x: number, y: number): boolean {
  return x >= left && x < right && y >= top && y < bottom;
}
