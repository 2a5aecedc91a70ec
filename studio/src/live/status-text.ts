import { hasFrames } from '../create/tasks.ts';
import { seconds, words } from '../ui/format.ts';
import { TERMINAL, type LiveJob } from './live-job.ts';

/** The state in a sentence, for everybody and for screen readers: it changes only when something happened. */
export function statusText(job: LiveJob): string {
  if (job.connection === 'lost' && !TERMINAL.has(job.status)) return 'The connection was lost. Taking it up again; no frame is lost.';
  switch (job.status) {
    case 'QUEUED':
      if (job.queuePosition === null) return 'It is its turn. The model begins in a moment.';
      return job.queuePosition > 1 ? `Waiting: ${job.queuePosition - 1} before this one.` : 'Next in the queue.';
    case 'RUNNING':
      return job.firstFrameMs === null && hasFrames(job.task) ? `Generating on ${job.executionProvider ?? 'the model'}. The first frame comes in a moment.` : `Generating on ${job.executionProvider ?? 'the model'}.`;
    case 'SUCCEEDED':
      return `Done${job.totalMs === null ? '' : ` in ${seconds(job.totalMs)}`}. Seed ${job.seed}.`;
    case 'FAILED':
      return `${words(job.task)} failed.`;
    case 'CANCELED':
      return 'Canceled. What was drawn stays here until you leave.';
  }
}

/** Figures that change all the time: not read aloud. */
export function figures(job: LiveJob): readonly string[] {
  return [
    ...(job.tokensTotal > 0 ? [`${job.tokensDone} of ${job.tokensTotal} tokens`] : []),
    ...(job.tokensPerSecond > 0 ? [`${Math.round(job.tokensPerSecond)} tokens/s`] : []),
    ...(job.firstFrameMs === null ? [] : [`first frame after ${seconds(job.firstFrameMs)}`]),
  ];
}
