import { expect, it } from 'vitest';
import { taskOf, UsageError, type TaskOptions } from '../../../src/cli/task-of.ts';

const upload = (file: string) => Promise.resolve(`id of ${file}`);

it.each<[string | undefined, TaskOptions, object]>([
  ['a fox', { duration: 4, camera: 'pan left', withAudio: true }, { textToVideo: { prompt: 'a fox', durationMs: 4000, camera: 'pan left', withAudio: true } }],
  ['a fox', { image: true, style: 'PIXEL', upscale: true }, { textToImage: { prompt: 'a fox', style: 'PIXEL', upscale: 'TWO' } }],
  [undefined, { from: 'a.mp4', audio: true, muxed: true }, { videoToAudio: { video: 'id of a.mp4', muxed: true } }],
  [undefined, { from: 'a.wav', text: true }, { audioToText: { audio: 'id of a.wav' } }],
  [undefined, { from: 'a.GIF', text: true }, { videoToText: { video: 'id of a.GIF' } }],
  ['a fox', { from: 'a.png', duration: 4 }, { imageToVideo: { prompt: 'a fox', image: 'id of a.png', durationMs: 4000 } }],
])('%s, %o', async (prompt, options, task) => {
  expect(await taskOf(prompt, options, upload)).toMatchObject(task);
});

it.each<[string, TaskOptions]>([
  ['--camera', { image: true, camera: 'pan left' }],
  ['--duration', { image: true, duration: 4 }],
  ['--with-audio', { audio: true, withAudio: true }],
  ['--muxed', { muxed: true }],
  ['--duration', { from: 'a.mp4', duration: 4 }],
  ['--style', { from: 'a.wav', text: true, style: 'PIXEL' }],
])('%s that would change nothing is refused: %o', async (flag, options) => {
  const uploaded: string[] = [];
  const task = taskOf('a fox', options, (file) => Promise.resolve(String(uploaded.push(file))));
  await expect(task).rejects.toThrow(UsageError);
  await expect(task).rejects.toThrow(flag);
  expect(uploaded).toEqual([]);
});
