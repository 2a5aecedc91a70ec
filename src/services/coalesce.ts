import type { JobEventRecord } from './contract.ts';

/** Leaves out token counts, and previews of unfinished frames, that a later event of the batch replaces. Never a state event or a final frame. */
export function coalesce(batch: readonly JobEventRecord[]): JobEventRecord[] {
  const newest = new Set<string>();
  return batch.toReversed().filter(event => {
    if (event.type !== 'TokensGenerated' && event.type !== 'FramesDecoded') return true;
    const key = event.type === 'TokensGenerated' ? 'tokens' : `frames ${event.candidate} ${event.firstFrame}`;
    const replaced = newest.has(key);
    newest.add(key);
    return !replaced || (event.type === 'FramesDecoded' && event.final);
  }).reverse();
}
