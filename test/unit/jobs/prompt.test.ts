import { expect, it } from 'vitest';
import { composePrompt, styleOf, withoutStyle } from '../../../src/jobs/prompt.ts';
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

it.each([
  ['FLAT', 'in flat colors'],
  ['outline', 'with black outlines'],
  ['Pixel', 'in pixel art style'],
  ['pixel art', 'in pixel art style'],
  [' SKETCH ', 'as a pencil sketch'],
  ['in pencil', 'as a pencil sketch'],
  ['NIGHT', 'in moonlight'],
  ['watercolor', 'watercolor'],
])('the style %j is said as %j, last', (style, words) => {
  expect(composePrompt({ prompt: 'a fox bounces on a red background', camera: 'pan left', style })).toBe(`a fox bounces on a red background, the camera pans left, ${words}`);
});

it('what is natural goes without saying', () => {
  expect(composePrompt({ prompt: 'a fox', style: 'NATURAL' })).toBe('a fox');
});

it('tells a prompt that says a style and nothing else, and takes what is said of the style out of another', () => {
  expect(['as a pencil sketch', 'Pixel-Art', 'in natural colors', 'night', 'a fox', 'a fox in pencil', ''].map(styleOf)).toEqual(['SKETCH', 'PIXEL', 'NATURAL', 'NIGHT', undefined, undefined, undefined]);
  expect(withoutStyle('a fox, the camera pans left, in pixel art style')).toBe('a fox, the camera pans left');
  expect(withoutStyle('a star, night')).toBe('a star, night');
});

it('what is left out leaves no comma', () => {
  expect(composePrompt({ prompt: 'a fox', camera: null, style: ' ' })).toBe('a fox');
});

it('a story is read sentence by sentence', () => {
  expect(sentences('A fox  jumps.\nIt lands! Does it?  3.5 m far... ')).toEqual(['A fox jumps', 'It lands', 'Does it', '3.5 m far']);
  expect(sentences(' . ! ')).toEqual([]);
});
