import { expect, it } from 'vitest';
import { cancelable } from '../../../src/resolvers/cancelable.ts';

async function* untilAborted(signal: AbortSignal): AsyncGenerator<number> {
  yield 1;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}

it('return() ends a generator that waits inside next()', async () => {
  const controller = new AbortController();
  const events = cancelable(untilAborted(controller.signal), controller);
  expect(await events.next()).toEqual({ done: false, value: 1 });
  const waiting = events.next();
  expect(await events.return?.()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await events.next()).toEqual({ done: true, value: undefined });
});
