/** Errors across the process boundary: a CinegraphError keeps its code, anything else becomes INTERNAL. */
import { CinegraphError } from '../../errors.ts';
import type { Failure } from './messages.ts';

export function toFailure(error: unknown): Failure {
  if (!(error instanceof CinegraphError)) return { code: 'INTERNAL', message: new CinegraphError('INTERNAL').message };
  return { code: error.code, message: error.message, field: error.field };
}

export function fromFailure({ code, message, field }: Failure): CinegraphError {
  return new CinegraphError(code, message, field === undefined ? {} : { field });
}
