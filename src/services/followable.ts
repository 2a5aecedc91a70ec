/**
 * An async generator that can be left while it waits. `start` gets a signal that is aborted when the caller's is, and at return(). The
 * caller's lives no longer than the generator: AbortSignal.any would let go of a longer one, but costs something at each look.
 */
export function followable<T>(signal: AbortSignal, start: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>): AsyncIterableIterator<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const events = start(controller.signal);
  return {
    next: () => events.next(),
    // A generator that waits would only hear of return() after its next event: end the wait first.
    return: async () => {
      controller.abort();
      await events.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** What the promise gives; undefined as soon as the signal is aborted. Leaves nothing on the signal. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const abort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
