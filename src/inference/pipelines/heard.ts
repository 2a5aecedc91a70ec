import { CinegraphError } from '../../errors.ts';
import type { Manifest } from '../core/manifest.ts';

/** As much of a sound, codes `[F, levels]`, as the model hears at once. Throws TASK_NOT_SUPPORTED and INVALID_INPUT. */
export function hearableSound(sound: Int32Array | undefined, { audio, name }: Manifest): Int32Array {
  if (audio === undefined) throw new CinegraphError('TASK_NOT_SUPPORTED', `The model ${name} knows no sound.`);
  if (sound === undefined || sound.length === 0 || sound.length % audio.levels !== 0) throw new CinegraphError('INVALID_INPUT', 'There is no sound to listen to.', { field: ['sound'] });
  if (sound.some((code) => code >= audio.codebookSize)) throw new CinegraphError('INVALID_INPUT', `Codes are smaller than ${audio.codebookSize}.`, { field: ['sound'] });
  return sound.slice(0, audio.framesPerClip * audio.levels);
}
