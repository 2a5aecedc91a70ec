import { expect, it } from 'vitest';
import { composePrompt } from '../../../src/jobs/prompt.ts';
import { sentences } from '../../../src/services/shot-input.ts';

it.each([
  ['pan left', 'the camera pans left'],
  ['PAN_LEFT', 'the camera pans left'],
  [' Zoom-In ', 'the camera zooms in'],
  ['still', 'the camera is still'],
  ['dolly around', 'dolly around'],
])('the camera %j is said as %j', (camera, words) => {
  expect(composePrompt({ prompt: ' a fox ', camera, style: 'at night' })).toBe(`a fox, ${words}, at night`);
});

it('what is left out leaves no comma', () => {
  expect(composePrompt({ prompt: 'a fox', camera: null, style: ' ' })).toBe('a fox');
});

it('a story is read sentence by sentence', () => {
  expect(sentences('A fox  jumps.\nIt lands! Does it?  3.5 m far... ')).toEqual(['A fox jumps', 'It lands', 'Does it', '3.5 m far']);
  expect(sentences(' . ! ')).toEqual([]);
});
