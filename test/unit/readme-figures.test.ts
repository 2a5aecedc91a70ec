import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { figureTables, type Results, withFigures } from '../../scripts/readme-figures.ts';

const readme = readFileSync('README.md', 'utf8');
const results = JSON.parse(readFileSync('bench/quality/results.json', 'utf8')) as Results;

describe('the figures of the README', () => {
  it('are those that were measured last: node scripts/readme-figures.ts writes them', () => {
    expect(withFigures(readme, figureTables(results))).toBe(readme);
  });

  it('change with the results, and nothing else of the README does', () => {
    const figure = { value: 12.25, unit: 'dB', anchors: { codec: 1, 'mean colour': -0.01 } };
    const other = withFigures(readme, figureTables({ tasks: { ...results.tasks, imageToVideo: { ...results.tasks['imageToVideo'], 'concepts never trained: first frame to the input': figure } } }));
    expect(other).toContain('of things never trained | 12.3 dB | 1.0 dB, 0.0 dB |');
    expect(other.split('\n')).toHaveLength(readme.split('\n').length);
  });

  it('a figure that was not measured, and a README without a place for them, are said', () => {
    expect(() => figureTables({ tasks: {} })).toThrow('has no "background as asked" of textToVideo');
    expect(() => withFigures('nothing', '')).toThrow('figures: begin');
  });
});
