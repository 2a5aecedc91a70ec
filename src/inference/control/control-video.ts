/**
 * The control video of stylization: what stays of a clip when its look is taken away, as a clip of its own, three channels of depth and optical flow
 * (training/cinegraph_training/control.py; VideoPoet, arXiv 2312.14125, section 3.3).
 */
import { Worker } from 'node:worker_threads';
import { CinegraphError } from '../../errors.ts';
import { throwIfCanceled } from '../core/canceled.ts';
import type { RawFrame } from '../core/generation.ts';
import type { Manifest } from '../core/manifest.ts';
import type { DepthEstimator } from '../models/depth-estimator.ts';

export type ControlParameters = NonNullable<Manifest['control']>;

/** To the thread. Frames of one size, and of each pixel how near it is. */
export interface ControlInput {
  readonly parameters: ControlParameters;
  readonly frames: readonly RawFrame[];
  readonly depth: readonly Uint8Array[];
}

/** From the thread. */
export type ControlReport = { readonly type: 'made'; readonly frames: readonly RawFrame[] } | { readonly type: 'failed'; readonly message: string };

/** Flow of the longest clip takes a few seconds of one core. */
const DEADLINE_MS = 120_000;

export class ControlVideo {
  readonly #parameters: ControlParameters;
  readonly #depth: DepthEstimator;

  constructor(parameters: ControlParameters, depth: DepthEstimator) {
    this.#parameters = parameters;
    this.#depth = depth;
  }

  /** As many frames of the same size: red is how near it is, green and blue where it moves to, right and down. Throws CANCELED, and an Error. */
  async of(frames: readonly RawFrame[], signal: AbortSignal): Promise<readonly RawFrame[]> {
    return await composed({ parameters: this.#parameters, frames, depth: await this.#depth.estimate(frames, signal) }, signal);
  }
}

/** OpenCV takes a third of a second to load and 80 MB to keep: its thread lives for one clip, and is ended in the middle of a frame by a cancel. */
async function composed(input: ControlInput, signal: AbortSignal): Promise<readonly RawFrame[]> {
  throwIfCanceled(signal);
  const worker = new Worker(new URL('./control-thread.ts', import.meta.url), { workerData: input });
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const settled = new AbortController();
  try {
    return await new Promise<readonly RawFrame[]>((resolve, reject) => {
      worker.once('message', (report: ControlReport) => (report.type === 'made' ? resolve(report.frames) : reject(new Error(report.message))));
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread of a control video ended')));
      deadline.addEventListener('abort', () => reject(new Error(`a control video took longer than ${DEADLINE_MS} ms`)), { once: true });
      signal.addEventListener('abort', () => reject(new CinegraphError('CANCELED')), { once: true, signal: settled.signal });
    });
  } finally {
    settled.abort();
    await worker.terminate();
  }
}
