const END = { done: true, value: undefined } as const;

/**
 * An iterator whose `return()` takes effect at once. An async generator that awaits inside `next()` queues `return()` behind it,
 * so a client that leaves while nothing happens would stay subscribed until the next event.
 */
export function cancelable<T>(inner: AsyncIterableIterator<T>, controller: AbortController): AsyncIterableIterator<T> {
  let done = false;
  return {
    async next() {
      if (done) return END;
      try {
        const result = await inner.next();
        if (result.done === true) done = true;
        return done ? END : result;
      } catch (error) {
        if (done) return END;
        done = true;
        throw error;
      }
    },
    async return() {
      done = true;
      controller.abort();
      await inner.return?.();
      return END;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
