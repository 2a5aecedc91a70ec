import { describe, expect, it } from 'vitest';
import { boardOf, emptyShot, MAX_SHOTS, moved, shotsOf, toFilmInput } from '../../../studio/src/film/storyboard.ts';

const key = () => 'k';
const shots = ['a', 'b', 'c'].map((prompt) => ({ ...emptyShot(prompt), prompt }));

describe('a storyboard', () => {
  it('makes a shot of each sentence and line', () => {
    expect(shotsOf('A fox bounces. It spins!\n\na rocket  ', key).map(({ prompt }) => prompt)).toEqual(['A fox bounces', 'It spins', 'a rocket']);
    expect(shotsOf('no. '.repeat(50), key)).toHaveLength(MAX_SHOTS);
  });

  it('moves a shot, and keeps it on the board', () => {
    expect(moved(shots, 0, 1).map(({ prompt }) => prompt)).toEqual(['b', 'a', 'c']);
    expect(moved(shots, 2, 1)).toBe(shots);
  });

  it('comes back from the film that was made of it', () => {
    const board = { title: 'Fox', withAudio: true, upscale: true, shots: shots.map((shot, index) => ({ ...shot, key: 'k', camera: 'pan left', continuePrevious: index > 0 })) };
    expect(boardOf({ input: toFilmInput(board).createFilm }, key)).toEqual(board);
  });

  it('lets no first shot continue one before', () => {
    const input = toFilmInput({ title: ' Fox ', withAudio: false, upscale: false, shots: shots.map((shot) => ({ ...shot, continuePrevious: true })) });
    expect(input.createFilm).toMatchObject({ title: 'Fox', shots: [{ continuePrevious: false }, { continuePrevious: true }, { continuePrevious: true }] });
  });
});
