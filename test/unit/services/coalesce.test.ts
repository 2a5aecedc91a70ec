import { expect, it } from 'vitest';
import type { JobEventPayload, JobEventRecord } from '../../../src/services/contract.ts';
import { coalesce } from '../../../src/services/coalesce.ts';

const record = (payload: JobEventPayload, index: number): JobEventRecord => ({ ...payload, jobId: 'j', seq: index + 1, at: new Date(0) });
const tokens: JobEventPayload = { type: 'TokensGenerated', tokensDone: 1, tokensTotal: 2, tokensPerSecond: 1, etaMs: 1 };
const frames = (firstFrame: number, final: boolean): JobEventPayload => ({ type: 'FramesDecoded', candidate: 0, firstFrame, frames: [], final });

it('leaves out what a later event replaces, and never a state event or a final frame', () => {
  const batch = [
    { type: 'JobStarted', tokensTotal: 2, executionProvider: 'cpu' } as const, tokens, frames(0, false), frames(0, true), frames(1, false), tokens, frames(1, false),
    { type: 'JobQueued', position: 1 } as const, frames(0, true), { type: 'JobFinished', status: 'SUCCEEDED' } as const,
  ].map(record);
  expect(coalesce(batch).map(({ seq }) => seq)).toEqual([1, 4, 6, 7, 8, 9, 10]);
});
