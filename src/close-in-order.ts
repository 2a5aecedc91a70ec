import type { Logger } from 'pino';
import { withDeadline } from './deadline.ts';

/** A part of the program with its own way to close. `graceMs`: how long it may take; `finishMs`: how long before that it may finish what it does. */
export interface Closable {
  readonly name: string;
  close(graceMs: number, finishMs: number): Promise<unknown>;
}

/**
 * Closes one after the other, within a bound for all. A part that fails or takes too long is logged and does not keep the next from
 * closing: each may still own child processes.
 */
export async function closeInOrder(parts: readonly Closable[], boundMs: number, log: Pick<Logger, 'warn' | 'debug'>, finishMs = 0): Promise<void> {
  let end = Date.now() + boundMs;
  for (const [index, { name, close }] of parts.entries()) {
    const left = Math.max(0, end - Date.now());
    const graceMs = Math.max(100, left / (parts.length - index));
    try {
      const began = Date.now();
      const closed = await withDeadline(close(graceMs, finishMs).then(() => true), finishMs + graceMs * 1.5, false);
      // What it took to finish is not taken from the others.
      end += Math.min(finishMs, Date.now() - began);
      if (closed) log.debug({ part: name }, 'closed');
      else log.warn({ part: name, graceMs }, 'did not close in time');
    } catch (error) {
      log.warn({ part: name, err: error }, 'did not close cleanly');
    }
  }
}
