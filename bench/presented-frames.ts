/** What a trace of Chromium in {@link CATEGORIES} says of a page that was scrolled. */
export const CATEGORIES = ['toplevel', 'disabled-by-default-devtools.timeline.frame'];

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly id2?: { readonly local?: string };
  readonly args?: { readonly name?: string; readonly frame_reporter?: FrameReport; readonly chrome_frame_reporter?: FrameReport };
}

/** One frame on its way through the compositor (chrome_frame_reporter.proto of Perfetto). */
interface FrameReport {
  readonly state?: string;
  readonly has_missing_content?: boolean;
}

export interface TracedScroll {
  /** Milliseconds from each frame that was presented to the next one. */
  readonly intervals: readonly number[];
  /** Presented frames with a part that was not painted yet. */
  readonly incomplete: number;
  /** Processor time of each task of the pages' main threads, ms: the same on a machine that has other things to do. */
  readonly mainTasks: readonly number[];
}

export function readTrace(trace: Buffer): TracedScroll {
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const frames = presentedFrames(traceEvents);
  const times = [...frames.keys()].toSorted((a, b) => a - b);
  return {
    intervals: times.slice(1).map((time, at) => (time - (times[at] ?? time)) / 1000),
    incomplete: [...frames.values()].filter((missing) => missing).length,
    mainTasks: mainTasks(traceEvents),
  };
}

/** Time of presentation, microseconds, to whether something was missing. Reports of the compositor's and of the main thread's part of one frame end together. */
function presentedFrames(events: readonly TraceEvent[]): Map<number, boolean> {
  const open = new Map<string, FrameReport>();
  const frames = new Map<number, boolean>();
  const pages = threadsNamed(events, 'CrRendererMain');
  for (const event of events.filter(({ name, pid }) => name === 'PipelineReporter' && pages.has(pid)).toSorted((a, b) => a.ts - b.ts)) {
    const id = `${event.pid} ${event.id2?.local}`;
    const report = event.args?.frame_reporter ?? event.args?.chrome_frame_reporter;
    if (event.ph === 'b' && report !== undefined) open.set(id, report);
    if (event.ph !== 'e') continue;
    const { state = '', has_missing_content: missing = false } = open.get(id) ?? {};
    open.delete(id);
    if (state.startsWith('STATE_PRESENTED')) frames.set(event.ts, missing || frames.get(event.ts) === true);
  }
  return frames;
}

function mainTasks(events: readonly TraceEvent[]): number[] {
  const main = threadsNamed(events, 'CrRendererMain');
  return events.filter(({ ph, name, pid, tid }) => ph === 'X' && name === 'ThreadControllerImpl::RunTask' && main.get(pid) === tid).map(({ tdur = 0 }) => tdur / 1000);
}

/** Process to its thread of that name. */
function threadsNamed(events: readonly TraceEvent[], wanted: string): Map<number, number> {
  return new Map(events.filter(({ name, args }) => name === 'thread_name' && args?.name === wanted).map(({ pid, tid }) => [pid, tid]));
}
