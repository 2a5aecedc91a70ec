import { AsyncLocalStorage } from 'node:async_hooks';
import { traceId } from './spans.ts';

/** Which request and which job a line of the log is about. */
export interface LogFields {
  readonly trace?: string;
  readonly request?: string;
  readonly job?: string;
  readonly attempt?: number;
}

const fields = new AsyncLocalStorage<LogFields>();

/** Lines that the work logs, now or later, carry these fields. */
export function withLogFields<T>(more: LogFields, work: () => T): T {
  return fields.run({ ...fields.getStore(), ...more }, work);
}

/** For the logger's `mixin`. */
export function logFields(): LogFields {
  const trace = traceId();
  return { ...fields.getStore(), ...(trace === undefined ? {} : { trace }) };
}
