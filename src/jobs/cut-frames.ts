import type { GenerationEvent, RawFrame } from '../inference/core/generation.ts';
import type { ClipPlan } from './clip-plan.ts';

type FramesEvent = Extract<GenerationEvent, { type: 'frames' }>;

/** The event's frames as those of the result: without those before its first one, with the kept pixels put over them. */
export function cutFrames({ firstFrame, frames }: Pick<FramesEvent, 'firstFrame' | 'frames'>, { skip, compose }: Pick<ClipPlan, 'skip' | 'compose'>): { readonly firstFrame: number; readonly frames: readonly RawFrame[] } {
  const first = Math.max(0, firstFrame - skip);
  const own = frames.slice(Math.max(0, skip - firstFrame));
  return { firstFrame: first, frames: compose === undefined ? own : own.map((frame, index) => compose(frame, first + index)) };
}
