import type { Services } from '../services/contract.ts';

/** What the server serves, once the database is there. */
export interface Backend {
  readonly services: Services;
  readonly signingKey: Buffer;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one sentence each. */
  readonly reasons: readonly string[];
}

/** How the server sees the rest of the program: it listens before the rest is there. */
export interface BackendStatus {
  /** Undefined while starting and after draining. */
  readonly backend: Backend | undefined;
  readiness(): Promise<Readiness>;
  /** Undefined while starting. */
  readonly metrics?: (() => Promise<{ readonly contentType: string; readonly text: string }>) | undefined;
}
