import { useEffect, useState } from 'react';

/** Pixels in a millisecond: at 6 a tile has crossed the screen in 0.15 s, before its picture is there. */
const FLING_SPEED = 6;
const SETTLED_MS = 100;

/** True while the page is scrolled faster than pictures can be seen, and a moment longer. */
export function useFling(): boolean {
  const [fling, setFling] = useState(false);
  useEffect(() => {
    let last = { top: scrollY, at: performance.now() };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const measure = () => {
      const now = { top: scrollY, at: performance.now() };
      const fast = Math.abs(now.top - last.top) > FLING_SPEED * (now.at - last.at);
      last = now;
      if (!fast) return;
      setFling(true);
      clearTimeout(timer);
      timer = setTimeout(() => setFling(false), SETTLED_MS);
    };
    addEventListener('scroll', measure, { passive: true });
    return () => {
      removeEventListener('scroll', measure);
      clearTimeout(timer);
    };
  }, []);
  return fling;
}
