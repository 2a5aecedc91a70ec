/**
 * `node scripts/readme-figures.ts [--check]`: writes the figures of bench/quality/results.json into the README's tables, between the marks `<!-- figures: begin -->` and
 * `<!-- figures: end -->`; with `--check` it only says whether they are the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const README = path.join(ROOT, 'README.md');
const [BEGIN, END] = ['<!-- figures: begin -->', '<!-- figures: end -->'];

interface Figure {
  readonly value: number;
  readonly unit: string;
  readonly anchors: Readonly<Record<string, number>>;
}

export interface Results {
  readonly tasks: Readonly<Record<string, Readonly<Record<string, Figure>>>>;
}

/** Rows of the first table, and their names in the results. */
const DRAWN = [['background', 'background as asked'], ['camera', 'camera as asked'], ['style', 'style as asked'], ['motion', 'motion as asked'], ['object', 'object as asked'], ['all five', 'all of these at once']] as const;
/** Rows of the second one: what it says, task, figure, ceiling and floor. */
const OTHERS: readonly (readonly [title: string, task: string, figure: string, anchors: readonly string[]])[] = [
  ['text to image: object, background, size and place at once', 'textToImage', 'all of these at once', ['codec', 'chance']],
  ['picture to video: its first frame, of things never trained', 'imageToVideo', 'concepts never trained: first frame to the input', ['codec', 'mean colour']],
  ['picture to video: motion as asked, of things never trained', 'imageToVideo', 'concepts never trained: motion as asked', ['codec', 'chance']],
  ['edit: motion as asked', 'editVideo', 'motion as asked', ['codec', 'chance']],
  ['inpainting: the hidden part', 'inpaintVideo', 'hidden part', ['codec', "kept part's mean colour"]],
  ['outpainting: the hidden part', 'outpaintVideo', 'hidden part', ['codec', "kept part's mean colour"]],
  ['stylization by a whole caption: style', 'stylizeVideo', 'whole caption: style as asked', ['codec', 'chance']],
  ['stylization by a style alone: style', 'stylizeVideo', 'style alone: style as asked', ['codec', 'chance']],
  ['stylization by a style alone: the object of the clip', 'stylizeVideo', 'style alone: object as asked', ['codec', 'chance']],
  ['stylization: flow error against the source', 'stylizeVideo', 'flow error against the source, everywhere', ['codec', 'another clip']],
  ['extension to 30 s: object in the last second', 'extendVideo', 'object as asked in the last of 30 s', ['codec', 'chance']],
  ['extension to 30 s: colour lost by things at rest', 'extendVideo', 'things at rest: colour lost from the first new second to the last', []],
  ['clip to sound: onsets of thuds, F1', 'videoToAudio', 'things that bounce: F1 of onsets, within 62 ms', ['codec', 'shuffled']],
  ['clip to sound: class of voices', 'videoToAudio', 'things with a voice: class of the sound', ['codec', 'chance']],
  ['sound to clip: thuds bounce', 'audioToVideo', 'thuds: the thing bounces', ['codec', 'clips from voices']],
  ['sound to clip: object of a voice', 'audioToVideo', 'things with a voice: object as asked', ['codec', 'chance']],
  ['caption of a clip: object', 'videoToText', 'object told', ['reader on codec', 'chance']],
  ['caption of a clip: motion', 'videoToText', 'motion told', ['reader on codec', 'chance']],
  ['caption of a sound: object of a voice', 'audioToText', 'things with a voice: object told', ['reader on real', 'chance']],
];

function figureOf({ tasks }: Results, task: string, name: string): Figure {
  const figure = tasks[task]?.[name];
  if (figure === undefined) throw new Error(`bench/quality/results.json has no "${name}" of ${task}`);
  return figure;
}

/** `94.5` % -> `94.5 %`; `27.55` dB -> `27.6 dB`; a share without a unit with two places. */
function said(value: number, unit: string): string {
  if (unit === '') return value.toFixed(2);
  const rounded = value.toFixed(1).replace(/^-0\.0$/, '0.0');
  return `${unit === '%' ? rounded.replace(/\.0$/, '') : rounded} ${unit}`;
}

/** Both tables, in markdown. */
export function figureTables(results: Results): string {
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const drawn = DRAWN.map(([title, name]) => {
    const { value, unit, anchors } = figureOf(results, 'textToVideo', name);
    return row(title, said(value, unit), ...['codec', 'real', 'wrong prompt', 'chance'].map((anchor) => said(anchors[anchor] ?? NaN, unit)));
  });
  const others = OTHERS.map(([title, task, name, wanted]) => {
    const { value, unit, anchors } = figureOf(results, task, name);
    return row(title, said(value, unit), wanted.map((anchor) => said(anchors[anchor] ?? NaN, unit)).join(', '));
  });
  return [
    row('text to video, 200 prompts', 'generated', "codec's ceiling", 'real clips', 'wrong prompt', 'most frequent class'), '|---|---|---|---|---|---|', ...drawn, '',
    row('other tasks', 'measured', 'ceiling, floor'), '|---|---|---|', ...others,
  ].join('\n');
}

/** The README with these tables. */
export function withFigures(readme: string, tables: string): string {
  const [start, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`README.md has no ${BEGIN} with ${END} behind it`);
  return `${readme.slice(0, start + BEGIN.length)}\n\n${tables}\n\n${readme.slice(end)}`;
}

if (import.meta.main) {
  const results = JSON.parse(readFileSync(path.join(ROOT, 'bench/quality/results.json'), 'utf8')) as Results;
  const readme = readFileSync(README, 'utf8');
  const wanted = withFigures(readme, figureTables(results));
  if (!process.argv.includes('--check')) writeFileSync(README, wanted);
  else if (wanted !== readme) {
    console.error('README.md has other figures than bench/quality/results.json: node scripts/readme-figures.ts');
    process.exitCode = 1;
  }
}
