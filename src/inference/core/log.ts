/** What inference wants logged; the composition root passes the sink. */
export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type LogSink = (entry: LogEntry) => void;
