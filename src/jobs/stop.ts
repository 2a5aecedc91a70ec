import { CancelRequested } from './job-store.ts';

/** Why a run is told to stop. The reason of its abort signal. */
export class Stop extends Error {
  readonly why: 'canceled' | 'handed back' | 'deadline' | 'lost';

  constructor(why: Stop['why']) {
    super(why);
    this.why = why;
  }
}

/** A client wants the job to end: heard from the bus, or read from the job's row. */
export function isCancel(reason: unknown): boolean {
  return reason instanceof CancelRequested || (reason instanceof Stop && reason.why === 'canceled');
}
