/** Where an event is stored. To other processes the pointer alone is carried: it is small, may be repeated and may be lost. */
export interface EventPointer {
  readonly job: string;
  readonly seq: number;
  /** Whose activity the event belongs to; left out for events of progress. */
  readonly owner?: string | undefined;
  /** The event as it was stored, for the listeners of this process: it is not carried to others, who read it. */
  readonly stored?: { readonly payload: object; readonly at: Date } | undefined;
}

export type BusMessage =
  | ({ readonly type: 'event' } & EventPointer)
  /** The job's row says CANCELED already; whoever runs it should stop now. */
  | { readonly type: 'cancel'; readonly job: string }
  /** This API key opens nothing any more. */
  | { readonly type: 'revoked'; readonly key: string };

export interface BusListener {
  message(message: BusMessage): void;
  /** Messages may have been lost; read again what you follow. */
  resync(): void;
}

/**
 * Tells every process that a job has news. At most once and unordered: listeners re-read the database from the last seq they saw,
 * and do so on resync() too, so no event is lost when the carrier was away.
 */
export interface FrameBus {
  /** Never throws and never waits. In the same process the listeners have been called when it returns. */
  publish(message: BusMessage): void;
  subscribe(listener: BusListener): () => void;
  close(): Promise<void>;
}
