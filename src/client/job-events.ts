import { ActivityDocument, JobEventsDocument } from './generated/operations.ts';
import { createOutage, pause } from './outage.ts';
import type { Socket } from './socket.ts';
import type { ActivityEvent, JobEvent } from './types.ts';

export interface WatchOptions {
  /** Number of the last event that was seen; 0 for all. */
  readonly afterSeq?: number;
  /** Ask for the pictures inside the events, as `dataUrl`. Default: no. */
  readonly previews?: boolean;
  /**
   * Accept that the server leaves out token counts and unfinished previews that newer ones have overtaken, when this reader does not keep
   * up. Default: no; what was left out is then fetched, and `seq` runs 1, 2, 3, ... without a gap.
   */
  readonly skipOvertaken?: boolean;
  /** Ends the iteration without an error. The job goes on. */
  readonly signal?: AbortSignal;
  /** Called when the connection was lost and when it is there again, to show it. The events go on by themselves. */
  readonly onConnection?: (state: 'open' | 'lost') => void;
  /** Gives up when the server has been away for so long, ms. Default 60 000. */
  readonly giveUpAfterMs?: number;
}

const GIVE_UP_AFTER_MS = 60_000;

/**
 * Every event of a job in order, none twice, until it has ended. A lost connection is taken up again after the last event that came
 * through. Throws CinegraphClientError when the server refuses or stays away.
 */
export async function* watchJob(url: string, socket: Socket, jobId: string, options: WatchOptions = {}): AsyncGenerator<JobEvent, void, void> {
  const { previews = false, skipOvertaken = false, signal, giveUpAfterMs = GIVE_UP_AFTER_MS, onConnection } = options;
  const outage = createOutage(url, giveUpAfterMs);
  const aborted = () => signal?.aborted === true;
  const onConnected = () => {
    outage.over();
    onConnection?.('open');
  };
  const beginsAfter = options.afterSeq ?? 0;
  let afterSeq = beginsAfter;
  /** How many of the events that were seen are asked for again. */
  let again = 0;
  while (!aborted()) {
    const before = afterSeq;
    try {
      for await (const { jobEvents: event } of socket.stream(JobEventsDocument, { jobId, afterSeq: afterSeq - again, previews }, { signal, onConnected })) {
        if (aborted()) return;
        // The last event counts whatever its number: a crash of the server's database may have taken numbers back.
        if (event.seq <= afterSeq && event.__typename !== 'JobFinished') continue;
        // Something was left out since the last one: it is fetched.
        if (!skipOvertaken && event.seq > afterSeq + 1 && afterSeq > before) break;
        afterSeq = event.seq;
        outage.heard();
        yield event;
        if (event.__typename === 'JobFinished') return;
      }
      if (afterSeq > before) continue;
      // Completed, and there was nothing new: the job has ended. Its last event has the number of one that was seen if that one was taken back.
      if (afterSeq === beginsAfter || again > 0) return;
      again = 1;
    } catch (error) {
      if (aborted()) return;
      outage.began(error);
      onConnection?.('lost');
      await pause(outage.pauseMs(), signal);
    }
  }
}

export interface ActivityOptions extends Pick<WatchOptions, 'signal' | 'giveUpAfterMs'> {
  /** The last event that was seen; left out: begin now. */
  readonly after?: { readonly jobId: string; readonly seq: number };
}

/** State events of all jobs of the viewer. Does not end by itself; a lost connection is taken up again after the last event that came through. */
export async function* watchActivity(url: string, socket: Socket, options: ActivityOptions = {}): AsyncGenerator<ActivityEvent, void, void> {
  const { signal, giveUpAfterMs = GIVE_UP_AFTER_MS } = options;
  const outage = createOutage(url, giveUpAfterMs);
  const aborted = () => signal?.aborted === true;
  let after = options.after ?? null;
  while (!aborted()) {
    try {
      for await (const { activity: event } of socket.stream(ActivityDocument, { after }, { signal, onConnected: outage.over })) {
        if (aborted()) return;
        after = { jobId: event.jobId, seq: event.seq };
        outage.heard();
        yield event;
      }
    } catch (error) {
      if (aborted()) return;
      outage.began(error);
    }
    await pause(outage.pauseMs(), signal);
  }
}
