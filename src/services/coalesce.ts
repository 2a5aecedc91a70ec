import type { JobEventRecord } from './contract.ts';

/** Leaves out token counts, texts, and previews of unfinished frames, that a later event of the batch replaces. Never a state event, a final frame or a piece of sound. */
export function coalesce(batch: readonly JobEventRecord[]): JobEventRecord[] {
  const newest = new Set<string>();
  return batch.toReversed().filter(event => {
    const subject = subjectOf(event);
    if (subject === undefined) return true;
    const replaced = newest.has(subject);
    newest.add(subject);
    return !replaced || (event.type === 'FramesDecoded' && event.final);
  }).reverse();
}

/** Events with the same one replace each other. */
function subjectOf(event: JobEventRecord): string | undefined {
  switch (event.type) {
    case 'TokensGenerated':
      return 'tokens';
    case 'TextDecoded':
      return `text ${event.candidate}`;
    case 'FramesDecoded':
      return `frames ${event.candidate} ${event.firstFrame}`;
    default:
      return undefined;
  }
}
