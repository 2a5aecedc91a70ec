import { useEffect, useState } from 'react';
import { Fling, type Place } from './fling.ts';

/** True while the page is scrolled faster than pictures can be seen, and a moment longer. */
export function useFling(): boolean {
  const [fling, setFling] = useState(false);
  useEffect(() => {
    const watched = new Fling(here(), setFling);
    const moved = () => watched.moved(here());
    addEventListener('scroll', moved, { passive: true });
    return () => {
      removeEventListener('scroll', moved);
      watched.close();
    };
  }, []);
  return fling;
}

function here(): Place {
  return { top: scrollY, at: performance.now() };
}
