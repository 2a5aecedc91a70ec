import { describe, expect, it } from 'vitest';
import { commandSchema, reportSchema } from '../../../../src/inference/ipc/messages.ts';
import { makeRequest } from '../../../support/inference.ts';

const frame = (bytes: number): unknown => ({
  type: 'event',
  ticket: 1,
  event: { type: 'frames', candidate: 0, firstFrame: 0, final: true, frames: [{ width: 4, height: 2, rgb: new Uint8Array(bytes) }] },
});

describe('messages', () => {
  it('carry frames of the right length only', () => {
    expect(reportSchema.safeParse(frame(24)).success).toBe(true);
    expect(reportSchema.safeParse(frame(23)).success).toBe(false);
    expect(reportSchema.safeParse(frame(25)).success).toBe(false);
  });

  it('of an unknown type or with an unknown error code are refused', () => {
    expect(reportSchema.safeParse({ type: 'gossip' }).success).toBe(false);
    expect(reportSchema.safeParse({ type: 'ended', ticket: 1, failure: { code: 'NO_SUCH_CODE', message: '' } }).success).toBe(false);
    expect(commandSchema.safeParse({ type: 'generate', ticket: 1, request: { ...makeRequest(), seed: -1 } }).success).toBe(false);
    expect(commandSchema.safeParse({ type: 'generate', ticket: 1, request: makeRequest() }).success).toBe(true);
  });
});
