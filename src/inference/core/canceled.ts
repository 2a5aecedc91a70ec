import { CinegraphError } from '../../errors.ts';

/** Throws CANCELED. */
export function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CinegraphError('CANCELED');
}
