import { CinegraphError, type ErrorCode } from '../errors.ts';

/** Throws a fault of the input; `field` is below `input`. */
export function refuse(code: ErrorCode, field: string | readonly string[], message?: string): never {
  throw new CinegraphError(code, message, { field: ['input', ...(typeof field === 'string' ? [field] : field)] });
}
