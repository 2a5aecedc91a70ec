import type { Model } from '../../../src/client/index.ts';
import type { Draft } from './draft.ts';

interface SoundChoiceProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly model: Model | undefined;
}

/** Whether a clip gets a sound track, where the model makes sounds. */
export function SoundChoice({ draft, change, model }: SoundChoiceProps) {
  if (model?.tasks.includes('VIDEO_TO_AUDIO') !== true) return null;
  if (draft.task === 'textToVideo') {
    return (
      <label className="lock">
        <input type="checkbox" checked={draft.withAudio} onChange={(event) => change({ withAudio: event.target.checked })} />
        With sound
      </label>
    );
  }
  if (draft.task !== 'videoToAudio') return null;
  return (
    <label className="lock">
      <input type="checkbox" checked={draft.soundAlone} onChange={(event) => change({ soundAlone: event.target.checked })} />
      As a file of its own, not as the clip's sound track
    </label>
  );
}
