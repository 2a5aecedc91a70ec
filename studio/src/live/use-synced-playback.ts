import { useCallback, useEffect, useMemo, useRef, useState, type RefCallback } from 'react';
import { useCalm } from '../ui/use-calm.ts';

/** Several clips that play as one: same moment, over and over. */
export interface Playback {
  readonly playing: boolean;
  /** Seconds. */
  readonly time: number;
  readonly muted: boolean;
  register(index: number): RefCallback<HTMLVideoElement>;
  toggle(): void;
  /** Pauses at a moment, in seconds. */
  seek(time: number): void;
  setMuted(muted: boolean): void;
}

/** Drift between clips that the eye notices, in seconds. */
const MAX_DRIFT = 0.06;

/** @param count clips that are there: they begin to play when one comes */
export function useSyncedPlayback(count: number): Playback {
  const calm = useCalm();
  const videos = useRef(new Map<number, HTMLVideoElement>());
  const refs = useRef(new Map<number, RefCallback<HTMLVideoElement>>());
  const [playing, setPlaying] = useState(!calm);
  const [time, setTime] = useState(0);
  const [muted, setMuted] = useState(true);

  useEffect(() => {
    if (count === 0) return undefined;
    const all = [...videos.current.values()];
    for (const video of all) {
      video.muted = muted;
      if (playing) startPlaying(video);
      else video.pause();
    }
    if (!playing) return undefined;
    let request = requestAnimationFrame(function tick() {
      const [leader, ...others] = [...videos.current.values()];
      if (leader !== undefined) {
        if (leader.ended) for (const video of videos.current.values()) restart(video);
        for (const other of others) if (Math.abs(other.currentTime - leader.currentTime) > MAX_DRIFT) other.currentTime = leader.currentTime;
        setTime(leader.currentTime);
      }
      request = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(request);
  }, [playing, muted, count]);

  const register = useCallback((index: number) => {
    const known = refs.current.get(index);
    if (known !== undefined) return known;
    const ref: RefCallback<HTMLVideoElement> = (video) => {
      if (video === null) videos.current.delete(index);
      else videos.current.set(index, video);
    };
    refs.current.set(index, ref);
    return ref;
  }, []);

  const seek = useCallback((to: number) => {
    setPlaying(false);
    setTime(to);
    for (const video of videos.current.values()) {
      video.pause();
      video.currentTime = to;
    }
  }, []);
  const toggle = useCallback(() => setPlaying((was) => !was), []);
  return useMemo(() => ({ playing, time, muted, register, toggle, seek, setMuted }), [playing, time, muted, register, toggle, seek]);
}

function restart(video: HTMLVideoElement): void {
  video.currentTime = 0;
  startPlaying(video);
}

/** A browser may forbid it until somebody has clicked; the button is there. */
function startPlaying(video: HTMLVideoElement): void {
  video.play().catch(() => undefined);
}
