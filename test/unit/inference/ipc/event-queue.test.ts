import { describe, expect, it } from 'vitest';
import type { GenerationEvent } from '../../../../src/inference/core/generation.ts';
import { EventQueue } from '../../../../src/inference/ipc/event-queue.ts';

const frames = (candidate: number, firstFrame: number, final: boolean): GenerationEvent => ({ type: 'frames', candidate, firstFrame, frames: [], final });
const tokens = (tokensDone: number): GenerationEvent => ({ type: 'tokens', tokensDone, tokensTotal: 9, tokensPerSecond: 1, etaMs: 1 });

async function drain(queue: EventQueue): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for (let event = await queue.next(); event !== undefined; event = await queue.next()) events.push(event);
  return events;
}

describe('event queue of a slow reader', () => {
  it('keeps every final frame in order, the newest preview of each candidate, and the newest count', async () => {
    const queue = new EventQueue();
    [tokens(1), frames(0, 0, false), frames(1, 0, false), tokens(2), frames(0, 0, true), frames(0, 1, false), frames(0, 1, false), frames(0, 1, true), tokens(3)].forEach((event) => queue.push(event));
    queue.end();
    expect(await drain(queue)).toEqual([frames(1, 0, false), frames(0, 0, true), frames(0, 1, true), tokens(3)]);
  });

  it('stays bounded however long nobody reads', () => {
    const queue = new EventQueue();
    for (let i = 0; i < 1_000; i += 1) {
      queue.push(tokens(i));
      queue.push(frames(i % 4, i, false));
    }
    expect(queue.length).toBe(5);
  });

  it('wakes a waiting reader, and gives unread events before the end', async () => {
    const queue = new EventQueue();
    const first = queue.next();
    queue.push(tokens(1));
    expect(await first).toEqual(tokens(1));
    queue.push({ type: 'finished' });
    queue.end();
    expect(await drain(queue)).toEqual([{ type: 'finished' }]);
  });

  it('fails at once, once, and takes nothing afterwards', async () => {
    const queue = new EventQueue();
    const waiting = queue.next();
    queue.fail(new Error('first'));
    queue.fail(new Error('second'));
    queue.push(tokens(1));
    await expect(waiting).rejects.toThrow('first');
    await expect(queue.next()).rejects.toThrow('first');
    expect(queue.length).toBe(0);
  });

  it('does not turn an end into a failure', async () => {
    const queue = new EventQueue();
    queue.push(tokens(1));
    queue.end();
    queue.fail(new Error('late'));
    expect(await drain(queue)).toEqual([tokens(1)]);
  });
});
