import { describe, expect, it } from 'vitest';
import { draftOf, editFrame, EMPTY_DRAFT, toInput } from '../../../studio/src/create/draft.ts';
import { awaited } from '../../../studio/src/create/readiness.ts';
import { styleOptions } from '../../../studio/src/create/styles.ts';
import { choiceNamed, fittingTask, TASKS } from '../../../studio/src/create/tasks.ts';

describe('a draft', () => {
  it('sends only what was filled in', () => {
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox' })).toEqual({ textToVideo: { prompt: 'a fox', candidates: 1 } });
  });

  it('sends the seed only when it is kept', () => {
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox', seed: '7' })).toEqual({ textToVideo: { prompt: 'a fox', candidates: 1 } });
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox', seed: '7', seedLocked: true })).toEqual({ textToVideo: { prompt: 'a fox', candidates: 1, seed: 7 } });
  });

  it('has no camera for a picture', () => {
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox', task: 'textToImage', camera: 'pan left' })).toEqual({ textToImage: { prompt: 'a fox', candidates: 1 } });
  });

  it.each([
    ['imageToVideo', { imageToVideo: { prompt: 'a fox', candidates: 1, image: 'a1' } }],
    ['extendVideo', { extendVideo: { prompt: 'a fox', candidates: 1, video: 'a1' } }],
    ['editVideo', { editVideo: { prompt: 'a fox', candidates: 1, video: 'a1', fromFrame: 8 } }],
    ['inpaintVideo', { inpaintVideo: { prompt: 'a fox', candidates: 1, video: 'a1', mask: { rectangle: EMPTY_DRAFT.rectangle } } }],
    ['videoToAudio', { videoToAudio: { prompt: 'a fox', candidates: 1, video: 'a1', muxed: true } }],
    ['audioToVideo', { audioToVideo: { prompt: 'a fox', candidates: 1, audio: 'a1' } }],
    ['stylizeVideo', { stylizeVideo: { prompt: 'a fox', candidates: 1, video: 'a1' } }],
    ['outpaintVideo', { outpaintVideo: { prompt: 'a fox', candidates: 1, video: 'a1', padding: EMPTY_DRAFT.padding } }],
  ] as const)('sends %s with what is attached, and comes back', (task, input) => {
    const draft = { ...EMPTY_DRAFT, task, prompt: 'a fox', source: 'a1' };
    expect(toInput(draft)).toEqual(input);
    expect(draftOf({ input: Object.values(input)[0], seed: 3, task: TASKS[task].task })).toEqual({ ...draft, seed: '3', seedLocked: true });
  });

  it('describes without words, and makes a clip with sound', () => {
    expect(toInput({ ...EMPTY_DRAFT, task: 'videoToText', prompt: 'left over', camera: 'pan left', source: 'a1' })).toEqual({ videoToText: { candidates: 1, video: 'a1' } });
    expect(toInput({ ...EMPTY_DRAFT, task: 'audioToText', prompt: 'left over', source: 'a1' })).toEqual({ audioToText: { candidates: 1, audio: 'a1' } });
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox', withAudio: true })).toEqual({ textToVideo: { prompt: 'a fox', candidates: 1, withAudio: true } });
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'a fox', upscale: true })).toEqual({ textToVideo: { prompt: 'a fox', candidates: 1, upscale: 'TWO' } });
    expect(toInput({ ...EMPTY_DRAFT, prompt: 'rain', upscale: true, task: 'textToAudio', style: 'at night' })).toEqual({ textToAudio: { prompt: 'rain', candidates: 1 } });
  });

  it('stylizes by a look alone, without a camera', () => {
    const input = toInput({ ...EMPTY_DRAFT, task: 'stylizeVideo', style: 'PIXEL', camera: 'pan left', source: 'a1' });
    expect(input).toEqual({ stylizeVideo: { prompt: '', style: 'PIXEL', candidates: 1, video: 'a1' } });
  });

  it('offers the looks that the model knows, and keeps another one that was chosen', () => {
    expect(styleOptions(['NATURAL', 'PIXEL'], 'PIXEL')).toEqual([{ value: '', label: 'As written' }, { value: 'PIXEL', label: 'Pixel art' }]);
    expect(styleOptions(['NATURAL'], 'at night')).toEqual([{ value: '', label: 'As written' }, { value: 'at night', label: 'at night' }]);
  });

  it('has a task that fits what is attached: as chosen, else the first that the model does', () => {
    expect(fittingTask('VIDEO', 'videoToAudio', undefined)).toBe('videoToAudio');
    expect(fittingTask('VIDEO', 'textToVideo', ['EDIT_VIDEO', 'VIDEO_TO_AUDIO'])).toBe('editVideo');
    expect(fittingTask('AUDIO', 'audioToVideo', ['AUDIO_TO_TEXT'])).toBe('audioToText');
    expect(fittingTask('IMAGE', 'textToVideo', ['TEXT_TO_VIDEO'])).toBe('imageToVideo');
    expect(fittingTask('MASK', 'editVideo', undefined)).toBe('editVideo');
    expect([choiceNamed('videoToText'), choiceNamed('textToVideo'), choiceNamed('nonsense'), choiceNamed(null)]).toEqual(['videoToText', null, null, null]);
  });

  it('waits for what is on its way', () => {
    const there = { file: false, mask: false, attachment: 'there', draft: EMPTY_DRAFT } as const;
    expect(awaited(there)).toBeNull();
    expect(awaited({ ...there, attachment: 'loading' })).toContain('loaded');
    expect(awaited({ ...there, file: true })).toContain('file');
    expect(awaited({ ...there, mask: true })).toContain('mask');
    const brush = { ...EMPTY_DRAFT, task: 'inpaintVideo', markWith: 'brush' } as const;
    expect(awaited({ ...there, draft: brush })).toContain('painted');
    expect(awaited({ ...there, draft: { ...brush, mask: 'a2' } })).toBeNull();
    expect(awaited({ ...there, draft: { ...brush, task: 'editVideo' } })).toBeNull();
  });

  it('edits from a frame that the clip has', () => {
    expect([0, 8, 20].map((frame) => editFrame(frame, { frameCount: 17 }))).toEqual([1, 8, 16]);
  });

  it('comes back from a job as it was', () => {
    const draft = {
      ...EMPTY_DRAFT,
      prompt: 'a fox',
      camera: 'pan left',
      style: 'at night',
      durationMs: 4125,
      upscale: true,
      candidates: 2,
      seed: '9',
      seedLocked: true,
      sampling: { temperature: '0.5', topK: '', topP: '0.9', guidance: '', deterministic: true },
      title: 'Fox',
      tags: 'a, b',
    };
    const { textToVideo } = toInput(draft);
    expect(draftOf({ input: textToVideo, seed: 9, task: 'TEXT_TO_VIDEO' })).toEqual(draft);
  });
});
