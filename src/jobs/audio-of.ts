import { CinegraphError } from '../errors.ts';
import type { AudioInfo, BundleInfo } from '../inference/core/generation.ts';

/** Throws TASK_NOT_SUPPORTED: the model knows no sound. */
export function audioOf(bundle: BundleInfo): AudioInfo {
  if (bundle.audio === null) throw new CinegraphError('TASK_NOT_SUPPORTED', `${bundle.name} knows no sound.`);
  return bundle.audio;
}
