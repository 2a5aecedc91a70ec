import type { Logger } from 'pino';

/** What the folders below the server may ask of the log; a pino logger has it. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
