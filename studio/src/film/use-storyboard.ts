import { useCallback, useEffect, useState } from 'react';
import { read, write } from '../ui/storage.ts';
import { emptyShot, type Storyboard } from './storyboard.ts';

export const newKey = (): string => Math.random().toString(36).slice(2);

/** The plan outlives a reload. */
export function useStoryboard(): readonly [Storyboard, (change: Partial<Storyboard>) => void] {
  const [board, setBoard] = useState<Storyboard>(restore);
  useEffect(() => write('storyboard', JSON.stringify(board)), [board]);
  const change = useCallback((next: Partial<Storyboard>) => setBoard((was) => ({ ...was, ...next })), []);
  return [board, change];
}

function restore(): Storyboard {
  try {
    const stored = JSON.parse(read('storyboard') ?? '{}') as Partial<Storyboard>;
    const shots = (stored.shots ?? []).map((shot) => ({ ...emptyShot(newKey()), ...shot }));
    return { title: stored.title ?? '', withAudio: stored.withAudio ?? false, upscale: stored.upscale ?? false, shots: shots.length === 0 ? [emptyShot(newKey())] : shots };
  } catch {
    return { title: '', withAudio: false, upscale: false, shots: [emptyShot(newKey())] };
  }
}
