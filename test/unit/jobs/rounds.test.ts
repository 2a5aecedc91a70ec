import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../../src/db/log.ts';
import { Rounds, type RoundsOptions } from '../../../src/jobs/rounds.ts';

const EVERY_MS = 1000;

describe('rounds', () => {
  const logged: unknown[][] = [];
  const note = (...line: unknown[]): void => void logged.push(line);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  let rounds: Rounds | undefined;
  beforeEach(() => {
    logged.length = 0;
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(async () => {
    await rounds?.stop();
    vi.useRealTimers();
  });

  const begin = (round: (stopping: AbortSignal) => Promise<unknown>, options: Partial<RoundsOptions> = {}): Rounds => (rounds = new Rounds({ everyMs: EVERY_MS, doing: 'counting', log, ...options }, round));
  const pass = async (count: number): Promise<void> => {
    for (let passed = 0; passed < count; passed++) {
      vi.advanceTimersByTime(EVERY_MS);
      await turn();
    }
  };

  it('come one by one, the first at once where that is asked for', async () => {
    let count = 0;
    begin(async () => (count += 1));
    await pass(2);
    expect(count).toBe(2);
    await rounds?.stop();
    begin(async () => (count += 1), { atOnce: true });
    expect(count).toBe(3);
  });

  it('leave out what a long one takes the time of', async () => {
    const ends: PromiseWithResolvers<void>[] = [];
    begin(() => (ends.push(Promise.withResolvers()), ends.at(-1)?.promise ?? Promise.reject(new Error())));
    await pass(5);
    expect(ends).toHaveLength(1);
    ends[0]?.resolve();
    await turn();
    expect(ends, 'nothing has piled up').toHaveLength(1);
    await pass(1);
    expect(ends).toHaveLength(2);
    ends[1]?.resolve();
  });

  it('end with the one that runs, which is told so', async () => {
    let count = 0;
    const end = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    begin(async (stopping) => {
      count += 1;
      stopping.addEventListener('abort', () => told.resolve());
      await end.promise;
      throw new Error('stopped in the middle');
    });
    await pass(1);
    let stopped = false;
    const stop = rounds?.stop().then(() => (stopped = true));
    await told.promise;
    await turn();
    expect(stopped).toBe(false);
    end.resolve();
    await stop;
    await pass(3);
    expect([count, logged]).toEqual([1, []]);
  });

  it('go on after one that failed; the log says so, unless the database is away', async () => {
    const faults = [new Error('a fault of ours'), Object.assign(new Error('nobody there'), { code: 'ECONNREFUSED' })];
    let count = 0;
    begin(async () => {
      const fault = faults[count++];
      if (fault !== undefined) throw fault;
    });
    await pass(3);
    expect(count).toBe(3);
    expect(logged).toEqual([[{ err: expect.objectContaining({ message: 'a fault of ours' }) }, 'counting']]);
  });
});
