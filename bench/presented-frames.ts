/** What a trace of Chromium in {@link CATEGORIES} says of a page that was scrolled. */
export const CATEGORIES = ['toplevel', 'disabled-by-default-devtools.timeline.frame', 'blink.user_timing'];

/** The page marks its first and its last scroll event by these names: a frame before or behind them is of no scrolling. */
export const SCROLL_BEGINS = 'cinegraph-scroll-begins';
export const SCROLL_ENDS = 'cinegraph-scroll-ends';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the monotonic clock, as those of `process.hrtime`. */
  readonly ts: number;
  /** Microseconds. */
  readonly dur?: number;
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
  /** Milliseconds from each frame that was presented to the next one, from the first scroll event to the last. */
  readonly intervals: readonly number[];
  /** Presented frames with a part that was not painted yet. */
  readonly incomplete: number;
  /** Processor time of each task of the page's main thread, ms: the same on a machine that has other things to do. */
  readonly mainTasks: readonly number[];
  readonly stalls: readonly Stall[];
}

/** A long time without a frame, and what Chromium did meanwhile. */
export interface Stall {
  /** Microseconds of the monotonic clock. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds after the first scroll event. */
  readonly afterMs: number;
  readonly ms: number;
  /** Those with a task, the longest first. */
  readonly threads: readonly ThreadTime[];
}

export interface ThreadTime {
  /** `process: thread`. */
  readonly name: string;
  /** In tasks, ms. */
  readonly tookMs: number;
  /** Processor time of these tasks, ms: what is missing was waited for, for a processor most often. */
  readonly ranMs: number;
}

/** @param longMs a time without a frame is a stall from this on */
export function readTrace(trace: Buffer, longMs: number): TracedScroll {
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const page = pageProcess(traceEvents);
  const begin = traceEvents.find(({ name }) => name === SCROLL_BEGINS)?.ts ?? -Infinity;
  const end = traceEvents.findLast(({ name }) => name === SCROLL_ENDS)?.ts ?? Infinity;
  const frames = [...presentedFrames(traceEvents, page)].filter(([ts]) => ts >= begin && ts <= end).toSorted(([a], [b]) => a - b);
  const gaps = frames.slice(1).map(([to], at) => ({ from: frames[at]?.[0] ?? to, to }));
  return {
    intervals: gaps.map(({ from, to }) => (to - from) / 1000),
    incomplete: frames.filter(([, missing]) => missing).length,
    mainTasks: mainTasks(traceEvents, page),
    stalls: gaps.filter(({ from, to }) => to - from > longMs * 1000).map(({ from, to }) => ({ from, to, afterMs: (from - begin) / 1000, ms: (to - from) / 1000, threads: threadsBetween(traceEvents, page, from, to) })),
  };
}

/** The renderer of which the most frames are told: the browser's own pages have one, too. */
function pageProcess(events: readonly TraceEvent[]): number {
  const frames = new Map<number, number>();
  const renderers = new Set(events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid }) => pid));
  for (const { name, pid } of events) if (name === 'PipelineReporter' && renderers.has(pid)) frames.set(pid, (frames.get(pid) ?? 0) + 1);
  return [...frames].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

/** Time of presentation, microseconds, to whether something was missing. Reports of the compositor's and of the main thread's part of one frame end together. */
function presentedFrames(events: readonly TraceEvent[], page: number): Map<number, boolean> {
  const open = new Map<string, FrameReport>();
  const frames = new Map<number, boolean>();
  for (const event of events.filter(({ name, pid }) => name === 'PipelineReporter' && pid === page).toSorted((a, b) => a.ts - b.ts)) {
    const id = event.id2?.local ?? '';
    const report = event.args?.frame_reporter ?? event.args?.chrome_frame_reporter;
    if (event.ph === 'b' && report !== undefined) open.set(id, report);
    if (event.ph !== 'e') continue;
    const { state = '', has_missing_content: missing = false } = open.get(id) ?? {};
    open.delete(id);
    if (state.startsWith('STATE_PRESENTED')) frames.set(event.ts, missing || frames.get(event.ts) === true);
  }
  return frames;
}

function isTask({ ph, name }: TraceEvent): boolean {
  return ph === 'X' && (name === 'ThreadControllerImpl::RunTask' || name === 'ThreadPool_RunTask');
}

function mainTasks(events: readonly TraceEvent[], page: number): number[] {
  const main = events.find(({ name, pid, args }) => name === 'thread_name' && pid === page && args?.name === 'CrRendererMain')?.tid;
  return events.filter((event) => isTask(event) && event.pid === page && event.tid === main).map(({ tdur = 0 }) => tdur / 1000);
}

function threadsBetween(events: readonly TraceEvent[], page: number, from: number, to: number): ThreadTime[] {
  const named = (kind: string) => new Map(events.filter(({ name }) => name === kind).map(({ pid, tid, args }) => [kind === 'process_name' ? `${pid}` : `${pid} ${tid}`, args?.name ?? '']));
  const [processes, threads] = [named('process_name'), named('thread_name')];
  const times = new Map<string, { tookMs: number; ranMs: number }>();
  for (const { pid, tid, ts, dur = 0, tdur = 0 } of events.filter(isTask)) {
    const inside = Math.min(ts + dur, to) - Math.max(ts, from);
    if (inside <= 0) continue;
    const name = `${pid === page ? 'page' : processes.get(`${pid}`)}: ${threads.get(`${pid} ${tid}`)}`;
    const { tookMs, ranMs } = times.get(name) ?? { tookMs: 0, ranMs: 0 };
    times.set(name, { tookMs: tookMs + inside / 1000, ranMs: ranMs + (tdur * inside) / dur / 1000 });
  }
  return [...times].map(([name, time]) => ({ name, ...time })).toSorted((a, b) => b.tookMs - a.tookMs);
}
