/** A film as it is planned. Pure. */
import type { GenerateInput, Job } from '../../../src/client/index.ts';
import { inputField, inputText } from '../live/live-job.ts';

export interface ShotDraft {
  /** Stays with the shot when shots are moved. */
  readonly key: string;
  readonly prompt: string;
  readonly camera: string;
  readonly style: string;
  readonly continuePrevious: boolean;
}

export interface Storyboard {
  readonly title: string;
  /** Every shot gets a sound. */
  readonly withAudio: boolean;
  /** Twice as wide and high. */
  readonly upscale: boolean;
  readonly shots: readonly ShotDraft[];
}

export const MAX_SHOTS = 24;

export function emptyShot(key: string): ShotDraft {
  return { key, prompt: '', camera: '', style: '', continuePrevious: false };
}

/** A shot for each sentence, at most {@link MAX_SHOTS}. */
export function shotsOf(story: string, keyOf: () => string): ShotDraft[] {
  return story
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim().replace(/[.!?]+$/, ''))
    .filter((sentence) => sentence !== '')
    .slice(0, MAX_SHOTS)
    .map((prompt) => ({ ...emptyShot(keyOf()), prompt }));
}

/** The shots with one moved by so many places; the same when it would leave the board. */
export function moved(shots: readonly ShotDraft[], from: number, by: number): readonly ShotDraft[] {
  const shot = shots[from];
  const to = from + by;
  if (shot === undefined || to < 0 || to >= shots.length) return shots;
  return shots.toSpliced(from, 1).toSpliced(to, 0, shot);
}

/** The plan that a film was made by. */
export function boardOf({ input }: Pick<Job, 'input'>, keyOf: () => string): Storyboard {
  const shots = inputField(input, 'shots');
  return {
    title: inputText(input, 'title') ?? '',
    withAudio: inputField(input, 'withAudio') === true,
    upscale: inputField(input, 'upscale') === 'TWO',
    shots: (Array.isArray(shots) ? (shots as readonly unknown[]) : []).slice(0, MAX_SHOTS).map((shot) => ({
      key: keyOf(),
      prompt: inputText(shot, 'prompt') ?? '',
      camera: inputText(shot, 'camera') ?? '',
      style: inputText(shot, 'style') ?? '',
      continuePrevious: inputField(shot, 'continuePrevious') === true,
    })),
  };
}

export function toFilmInput({ title, withAudio, upscale, shots }: Storyboard): GenerateInput {
  return {
    createFilm: {
      ...(title.trim() === '' ? {} : { title: title.trim() }),
      ...(withAudio ? { withAudio } : {}),
      ...(upscale ? { upscale: 'TWO' as const } : {}),
      shots: shots.map(({ prompt, camera, style, continuePrevious }, index) => ({
        prompt,
        ...(camera.trim() === '' ? {} : { camera: camera.trim() }),
        ...(style.trim() === '' ? {} : { style: style.trim() }),
        // Nothing comes before the first.
        continuePrevious: index > 0 && continuePrevious,
      })),
    },
  };
}
