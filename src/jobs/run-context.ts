import type { Database } from '../db/database.ts';
import type { InferenceClient, InferenceInfo } from '../inference/core/generation.ts';
import type { Media } from '../media/media.ts';
import type { AssetReader } from './asset-reader.ts';
import type { JobStore } from './job-store.ts';
import type { RunRecorder } from './run-recorder.ts';

export interface JobRunDeps {
  readonly database: Database;
  readonly store: JobStore;
  readonly inference: InferenceClient;
  readonly media: Media;
  /** The model has nothing more to do for the run. */
  readonly generated: () => void;
}

/** What a run works with. */
export interface RunContext extends JobRunDeps {
  readonly info: InferenceInfo;
  readonly reader: AssetReader;
  readonly recorder: RunRecorder;
  readonly signal: AbortSignal;
}
