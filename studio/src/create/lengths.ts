/** Lengths of clips. Pure. */
import type { Model } from '../../../src/client/index.ts';

type Limits = Pick<NonNullable<Model['limits']>, 'fps' | 'frameCount'>;

const TIMES = [2, 4, 8];

/** Milliseconds: the model's own length, then longer ones that end where one of its own clips would, so that the server rounds none of them. */
export function lengthsOf({ fps, frameCount }: Limits): readonly [own: number, ...longer: number[]] {
  const duration = (frames: number) => Math.round((frames * 1000) / fps);
  return [duration(frameCount), ...TIMES.map((times) => duration(1 + (frameCount - 1) * times))];
}
