import type { ErrorCode } from '../errors.ts';

/** Faults of the moment: the same job may well succeed in another attempt. */
export function mayRunAgain(code: ErrorCode): boolean {
  return code === 'INFERENCE_CRASHED' || code === 'INFERENCE_UNAVAILABLE' || code === 'DATABASE_UNAVAILABLE' || code === 'STORAGE_UNAVAILABLE' || code === 'MODERATION_UNAVAILABLE' || code === 'INTERNAL';
}
