import { describe, expect, it } from 'vitest';
import type { Job, JobEvent } from '../../../src/client/index.ts';
import { applyEvent, doneShare, liveJob, type LiveJob } from '../../../studio/src/live/live-job.ts';

const ACCEPTED = '2026-11-27T08:00:00.000Z';
const at = (ms: number) => new Date(Date.parse(ACCEPTED) + ms).toISOString();

function job(change: Partial<Job> = {}): Job {
  return {
    __typename: 'Job',
    id: 'j1',
    task: 'TEXT_TO_VIDEO',
    status: 'QUEUED',
    createdAt: ACCEPTED,
    startedAt: null,
    finishedAt: null,
    input: { prompt: 'a fox', candidates: 2 },
    seed: 7,
    outputs: [],
    warnings: [],
    error: null,
    executionProvider: null,
    attempt: 0,
    lastSeq: 1,
    progress: { tokensDone: 0, tokensTotal: 0, tokensPerSecond: 0, etaMs: null, queuePosition: 3 },
    ...change,
  } as Job;
}

const frames = (indexes: readonly number[], options: { final: boolean; candidate?: number; atMs?: number }): JobEvent =>
  ({
    __typename: 'FramesDecoded',
    jobId: 'j1',
    seq: 2,
    at: at(options.atMs ?? 100),
    candidate: options.candidate ?? 0,
    firstFrame: indexes[0],
    final: options.final,
    frames: indexes.map((index) => ({ index, width: 8, height: 8, url: `/f${index}`, dataUrl: null })),
  }) as JobEvent;
const started = { __typename: 'JobStarted', jobId: 'j1', seq: 2, at: at(50), tokensTotal: 640, executionProvider: 'cpu' } as JobEvent;
const after = (...events: JobEvent[]): LiveJob => events.reduce(applyEvent, liveJob(job()));

describe('a job on the stage', () => {
  it('has a place for each candidate from the start', () => {
    expect(liveJob(job())).toMatchObject({ prompt: 'a fox', queuePosition: 3, candidates: [{ newest: -1 }, { newest: -1 }] });
  });

  it('keeps the time of the first frame, by the clock of the server', () => {
    expect(after(started, frames([0], { final: true, atMs: 230 }), frames([1], { final: true, atMs: 900 })).firstFrameMs).toBe(230);
  });

  it('replaces an unfinished frame by the finished one, at its place', () => {
    const live = after(started, frames([1, 2], { final: false }), frames([1], { final: true, candidate: 1 }), frames([1, 2], { final: true }));
    expect(live.candidates[0]?.frames.map((frame) => frame?.final)).toEqual([undefined, true, true]);
    expect(live.candidates[0]?.newest).toBe(2);
    expect(live.candidates[1]?.frames.filter(Boolean)).toHaveLength(1);
  });

  it('gathers the pieces of a sound, anew when it is made anew, and the text', () => {
    const piece = (startMs: number) => ({ __typename: 'AudioDecoded', jobId: 'j1', seq: 3, at: at(200), candidate: 1, startMs, durationMs: 500, url: `/s${startMs}`, dataUrl: null }) as JobEvent;
    const text = { __typename: 'TextDecoded', jobId: 'j1', seq: 4, at: at(300), candidate: 0, text: 'a fox' } as JobEvent;
    expect(after(started, piece(0), piece(500), text).candidates).toMatchObject([{ text: 'a fox', sounds: [] }, { text: null, sounds: ['/s0', '/s500'], heardMs: 1000 }]);
    expect(after(started, piece(0), piece(500), started, piece(0)).candidates[1]).toMatchObject({ sounds: ['/s0'], heardMs: 500 });
  });

  it('keeps what a lost attempt had drawn, as sketches, until it is drawn again', () => {
    const live = after(started, frames([0, 1], { final: true }), started);
    expect(live.candidates[0]?.frames.map((frame) => frame?.final)).toEqual([false, false]);
    expect(applyEvent(live, frames([0], { final: true })).candidates[0]?.frames.map((frame) => frame?.final)).toEqual([true, false]);
  });

  it('is done when it succeeded, and as far as it came when it was canceled', () => {
    const finished = (status: Job['status']) =>
      ({ __typename: 'JobFinished', jobId: 'j1', seq: 9, at: at(2000), job: job({ status, progress: { tokensDone: 160, tokensTotal: 640, tokensPerSecond: 1, etaMs: null, queuePosition: null } }) }) as JobEvent;
    expect(doneShare(after(started, finished('SUCCEEDED')))).toBe(1);
    const takenOver = after(started, frames([0], { final: true }), started, frames([1], { final: true }), finished('SUCCEEDED'));
    expect(takenOver.candidates[0]?.frames.map((frame) => frame?.final), 'of a shot that was stored before a crash').toEqual([true, true]);
    expect(doneShare(after(started, finished('CANCELED')))).toBe(0.25);
    expect(after(started, finished('CANCELED'))).toMatchObject({ status: 'CANCELED', totalMs: 2000, etaMs: null });
  });

  it('that was opened after its end fills in what was drawn, and does not begin anew', () => {
    const ended = liveJob(job({ status: 'SUCCEEDED', progress: { tokensDone: 640, tokensTotal: 640, tokensPerSecond: 1, etaMs: null, queuePosition: null } }));
    const queued = { __typename: 'JobQueued', jobId: 'j1', seq: 1, at: at(0), position: 3 } as JobEvent;
    const live = [queued, started, frames([0], { final: true })].reduce(applyEvent, ended);
    expect(live).toMatchObject({ status: 'SUCCEEDED', queuePosition: null, tokensDone: 640, candidates: [{ newest: 0 }, {}] });
  });

  it('fills in the shots of a film as they come', () => {
    const film = liveJob(job({ task: 'FILM' }));
    const shot = (__typename: string, index: number, rest: object) => ({ __typename, jobId: 'j1', seq: 2, at: at(1), shot: index, ...rest }) as JobEvent;
    const live = [shot('ShotStarted', 0, { shots: 3, prompt: 'a fox' }), shot('ShotReady', 0, { asset: { id: 'a1' } }), shot('ShotStarted', 1, { shots: 3, prompt: 'it spins' }), shot('ShotFailed', 1, { code: 'INTERNAL', message: 'No.' })].reduce(applyEvent, film);
    expect(live.shots).toMatchObject([{ state: 'ready', prompt: 'a fox', asset: { id: 'a1' } }, { state: 'failed', message: 'No.' }, { state: 'waiting' }]);
  });

  it('leaves alone what it does not know', () => {
    const live = after(started);
    expect(applyEvent(live, { __typename: 'SomethingNew', jobId: 'j1', seq: 3, at: at(1) } as unknown as JobEvent)).toBe(live);
  });
});
