import { expect, it } from 'vitest';
import { readTrace, SCROLL_BEGINS, SCROLL_ENDS } from '../../../bench/presented-frames.ts';

const [PAGE, TAB_STRIP, GPU] = [10, 20, 30];
/** Threads of {@link PAGE}. */
const [MAIN, COMPOSITOR] = [10, 11];

const named = (kind: 'process_name' | 'thread_name', pid: number, tid: number, name: string) => ({ name: kind, ph: 'M', pid, tid, ts: 0, args: { name } });
const frame = (ms: number, report: object = {}, pid = PAGE) => [
  { name: 'PipelineReporter', ph: 'b', pid, tid: 1, ts: ms * 1000 - 9, id2: { local: `${ms}` }, args: { frame_reporter: { state: 'STATE_PRESENTED_ALL', ...report } } },
  { name: 'PipelineReporter', ph: 'e', pid, tid: 1, ts: ms * 1000, id2: { local: `${ms}` } },
];
const task = (pid: number, tid: number, ms: number, tookMs: number, ranMs: number) => ({ name: 'ThreadControllerImpl::RunTask', ph: 'X', pid, tid, ts: ms * 1000, dur: tookMs * 1000, tdur: ranMs * 1000 });
const mark = (name: string, ms: number) => ({ name, ph: 'I', pid: PAGE, tid: MAIN, ts: ms * 1000 });
const read = (...events: readonly object[]) =>
  readTrace(
    Buffer.from(
      JSON.stringify({
        traceEvents: [
          named('process_name', PAGE, 0, 'Renderer'), named('process_name', GPU, 0, 'GPU Process'),
          named('thread_name', PAGE, MAIN, 'CrRendererMain'), named('thread_name', PAGE, COMPOSITOR, 'Compositor'), named('thread_name', TAB_STRIP, TAB_STRIP, 'CrRendererMain'), named('thread_name', GPU, GPU, 'VizCompositorThread'),
          ...events,
        ],
      }),
    ),
    50,
  );

it('what passes before the first scroll event and behind the last one is no frame of the scroll', () => {
  const { intervals, stalls } = read(...frame(100), mark(SCROLL_BEGINS, 390), ...frame(400), ...frame(416), ...frame(430), mark(SCROLL_ENDS, 431), ...frame(700));
  expect(intervals).toEqual([16, 14]);
  expect(stalls).toEqual([]);
});

it('frames that were dropped, and those of the browser’s own pages, are none', () => {
  const { intervals, incomplete } = read(...frame(400), ...frame(410, {}, TAB_STRIP), ...frame(416, { state: 'STATE_DROPPED' }), ...frame(433, { has_missing_content: true }));
  expect(intervals).toEqual([33]);
  expect(incomplete).toBe(1);
});

it('a long time without a frame is told with what each thread did in it', () => {
  const { stalls, mainTasks } = read(mark(SCROLL_BEGINS, 400), ...frame(400), task(PAGE, MAIN, 390, 100, 10), task(GPU, GPU, 410, 20, 20), ...frame(480), ...frame(490), task(GPU, GPU, 480, 5, 5));
  expect(stalls).toEqual([
    { from: 400_000, to: 480_000, afterMs: 0, ms: 80, threads: [{ name: 'page: CrRendererMain', tookMs: 80, ranMs: 8 }, { name: 'GPU Process: VizCompositorThread', tookMs: 20, ranMs: 20 }] },
  ]);
  expect(mainTasks).toEqual([10]);
});
