import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BundleInfo } from '../../../src/inference/core/generation.ts';
import type { AssetRecord, GenerateInput } from '../../../src/services/contract.ts';
import type { SourceAsset } from '../../../src/services/source-input.ts';
import { checkInput, inputDigest } from '../../../src/services/generation-input.ts';

const bundle: BundleInfo = {
  name: 'small', digest: 'd', description: '', tasks: ['TEXT_TO_VIDEO'], styles: ['NATURAL'], languages: ['en'], width: 64, height: 64, upscaled: null, fps: 8, frameCount: 17, grid: [5, 8, 8], framesPerLatent: 4, windows: { latents: 4, overlap: 2 }, codec: 'c',
  maxPromptCharacters: 40, sampling: { temperature: 1, topK: 0, topP: 0.95, guidance: 3, deterministic: false }, taskSampling: {}, audio: null, caption: null, examples: [], trainingCommit: 'none',
};
const good: GenerateInput = { task: 'TEXT_TO_VIDEO', prompt: ' a red ball ' };

describe('checkInput', () => {
  it('fills in the defaults of the model', () => {
    expect(checkInput(good, bundle)).toMatchObject({ prompt: 'a red ball', seed: null, candidates: 1, durationMs: 2125, tags: [], sampling: bundle.sampling });
  });

  it('draws a task in its own way, where the model has one', () => {
    const own = { ...bundle.sampling, guidance: 5 };
    const able: BundleInfo = { ...bundle, tasks: ['TEXT_TO_VIDEO', 'TEXT_TO_IMAGE'], taskSampling: { TEXT_TO_IMAGE: own } };
    expect(checkInput({ ...good, task: 'TEXT_TO_IMAGE' }, able).sampling).toEqual(own);
    expect(checkInput(good, able).sampling).toEqual(bundle.sampling);
    expect(checkInput({ ...good, task: 'TEXT_TO_IMAGE', sampling: { guidance: 2 } }, able).sampling).toEqual({ ...own, guidance: 2 });
  });

  it.each<[string, Partial<GenerateInput>, string]>([
    ['PROMPT_EMPTY', { prompt: ' \n' }, 'prompt'],
    ['PROMPT_TOO_LONG', { prompt: 'x'.repeat(41) }, 'prompt'],
    ['PROMPT_TOO_LONG', { prompt: 'x'.repeat(30), style: 'y'.repeat(10) }, 'prompt'],
    ['INVALID_INPUT', { prompt: 'a\0b' }, 'prompt'],
    ['SEED_OUT_OF_RANGE', { seed: -1 }, 'seed'],
    ['SEED_OUT_OF_RANGE', { seed: 2 ** 31 }, 'seed'],
    ['SEED_OUT_OF_RANGE', { seed: 0.5 }, 'seed'],
    ['CANDIDATES_OUT_OF_RANGE', { candidates: 0 }, 'candidates'],
    ['CANDIDATES_OUT_OF_RANGE', { candidates: 5 }, 'candidates'],
    ['DURATION_NOT_SUPPORTED', { durationMs: 5000 }, 'durationMs'],
    ['DURATION_NOT_SUPPORTED', { durationMs: Number.NaN }, 'durationMs'],
    ['MODEL_UNKNOWN', { model: 'large' }, 'model'],
    ['TASK_NOT_SUPPORTED', { task: 'TEXT_TO_IMAGE' }, 'task'],
    ['TASK_NOT_SUPPORTED', { task: 'STYLIZE_VIDEO' }, 'task'],
    ['INVALID_INPUT', { tags: [''] }, 'tags'],
    ['INVALID_INPUT', { deadlineMs: 0 }, 'deadlineMs'],
    ['TASK_NOT_SUPPORTED', { upscale: 'TWO' }, 'upscale'],
  ])('throws %s for %j', (code, change, field) => {
    expect(() => checkInput({ ...good, ...change }, bundle)).toThrow(expect.objectContaining({ code, field: ['input', field] }));
  });

  it.each([['temperature', 2.1], ['topK', -1], ['topK', 1.5], ['topP', 0], ['guidance', 0.5], ['guidance', 21], ['temperature', Number.NaN]])('refuses sampling.%s = %d', (name, value) => {
    const wrong = expect.objectContaining({ code: 'SAMPLING_OUT_OF_RANGE', field: ['input', 'sampling', name] });
    expect(() => checkInput({ ...good, sampling: { [name]: value } }, bundle)).toThrow(wrong);
  });

  it('keeps the wish for a larger clip, and nothing where there is none', () => {
    const able: BundleInfo = { ...bundle, upscaled: { width: 128, height: 128 } };
    expect(checkInput({ ...good, upscale: 'TWO' }, able).source).toMatchObject({ upscale: 'TWO' });
    for (const upscale of ['NONE', null] as const) expect(checkInput({ ...good, upscale }, bundle).source).not.toHaveProperty('upscale');
    const film: GenerateInput = { task: 'FILM', upscale: 'TWO', shots: Array.from({ length: 4 }, () => ({ prompt: 'a red ball', durationMs: 30_000 })) };
    const long: BundleInfo = { ...able, tasks: ['TEXT_TO_VIDEO', 'EXTEND_VIDEO', 'FILM'] };
    expect(() => checkInput(film, long)).toThrow(expect.objectContaining({ code: 'DURATION_NOT_SUPPORTED', field: ['input', 'shots'], message: expect.stringContaining('90000') as string }));
    expect(checkInput({ ...film, upscale: null }, long).source.shots).toHaveLength(4);
  });

  it('counts a clip that takes the place of a shot as long as it is, a minute at most', () => {
    const long: BundleInfo = { ...bundle, tasks: ['TEXT_TO_VIDEO', 'EXTEND_VIDEO', 'FILM'] };
    const check = (clipMs: number, count: number) => {
      const assets = new Map([['clip', { record: { id: 'clip', kind: 'VIDEO', durationMs: clipMs } as AssetRecord, prompt: null, camera: null, style: null }]]);
      return checkInput({ task: 'FILM', shots: Array.from({ length: count }, () => ({ prompt: 'a red ball', asset: 'clip' })) }, long, assets).source.shots;
    };
    expect(check(59_000, 3)).toHaveLength(3);
    expect(() => check(59_000, 4)).toThrow(expect.objectContaining({ code: 'DURATION_NOT_SUPPORTED', message: 'The film would be 236000 ms long; 180000 is the most.' }));
    expect(check(3_600_000, 2)).toHaveLength(2);
    expect(() => check(3_600_000, 3)).toThrow(expect.objectContaining({ code: 'DURATION_NOT_SUPPORTED' }));
  });

  it('takes a duration near the only one there is', () => {
    expect(checkInput({ ...good, durationMs: 2000 }, bundle).durationMs).toBe(2125);
  });

  it('takes the nearest length of a model that can go on', () => {
    const long: BundleInfo = { ...bundle, tasks: ['TEXT_TO_VIDEO', 'EXTEND_VIDEO'] };
    const length = (durationMs: number): number | null => checkInput({ ...good, durationMs }, long).durationMs;
    expect([length(625), length(2000), length(30_000), length(60_000)]).toEqual([625, 2125, 30_125, 60_125]);
    for (const durationMs of [0, 624, 60_126, Number.NaN]) {
      expect(() => length(durationMs)).toThrow(expect.objectContaining({ code: 'DURATION_NOT_SUPPORTED', message: 'durationMs must be from 625 to 60125.' }));
    }
  });

  it('counts characters as a reader does, not UTF-16 units', () => {
    expect(checkInput({ ...good, prompt: '🦊'.repeat(40) }, bundle).prompt).toHaveLength(80);
  });

  it('gives equal digests to equal requests, whatever their key', () => {
    const digest = (change: Partial<GenerateInput>): string => inputDigest(checkInput({ ...good, ...change }, bundle));
    expect(digest({ idempotencyKey: 'a' })).toBe(digest({ idempotencyKey: 'b', candidates: 1 }));
    expect(digest({ seed: 1 })).not.toBe(digest({}));
  });
});

describe('the words of a clip that takes another look', () => {
  const able: BundleInfo = { ...bundle, tasks: ['TEXT_TO_VIDEO', 'STYLIZE_VIDEO'], maxPromptCharacters: 400 };
  const video = randomUUID();
  const record = { id: video, kind: 'VIDEO', durationMs: 2125, hasAudio: false } as AssetRecord;
  const words = (change: Partial<GenerateInput>, source: Omit<SourceAsset, 'record'> = { prompt: 'a fox bounces, in pencil', camera: 'pan left', style: 'NIGHT' }) => {
    const { prompt, camera, style } = checkInput({ task: 'STYLIZE_VIDEO', video, ...change }, able, new Map([[video, { record, ...source }]]));
    return { prompt, camera, style };
  };

  it('a look alone goes behind what the source was told, instead of its look', () => {
    expect(words({ prompt: 'in pixel art style' })).toEqual({ prompt: 'a fox bounces', camera: 'pan left', style: 'PIXEL' });
    expect(words({ prompt: '', style: 'watercolor' })).toEqual({ prompt: 'a fox bounces', camera: 'pan left', style: 'watercolor' });
    expect(words({ prompt: 'NATURAL' })).toEqual({ prompt: 'a fox bounces', camera: 'pan left', style: 'NATURAL' });
  });

  it('of a source that was told nothing, the look is all', () => {
    const nothing = { prompt: null, camera: null, style: null };
    expect(words({ prompt: 'as a sketch' }, nothing)).toEqual({ prompt: 'as a pencil sketch', camera: null, style: null });
    expect(words({ prompt: '', style: 'watercolor' }, nothing)).toEqual({ prompt: 'watercolor', camera: null, style: null });
    expect(words({ prompt: '', style: 'natural' }, nothing)).toEqual({ prompt: 'in natural colors', camera: null, style: null });
  });

  it('what says more is taken as it is', () => {
    expect(words({ prompt: 'a fox in a meadow, in pencil' })).toEqual({ prompt: 'a fox in a meadow, in pencil', camera: null, style: null });
    expect(words({ prompt: 'in pencil', style: 'NIGHT' })).toEqual({ prompt: 'in pencil', camera: null, style: 'NIGHT' });
  });

  it('stay with the clip that goes on, unless others are given', () => {
    const far: BundleInfo = { ...able, tasks: ['TEXT_TO_VIDEO', 'EXTEND_VIDEO'] };
    const extend = (change: Partial<GenerateInput>) => checkInput({ task: 'EXTEND_VIDEO', video, extraMs: 1000, ...change }, far, new Map([[video, { record, prompt: 'a fox', camera: 'pan left', style: 'SKETCH' }]]));
    expect(extend({})).toMatchObject({ prompt: 'a fox', camera: null, style: 'SKETCH' });
    expect(extend({ style: 'NATURAL' })).toMatchObject({ prompt: 'a fox', style: 'NATURAL' });
    expect(extend({ prompt: 'it jumps' })).toMatchObject({ prompt: 'it jumps', style: null });
  });

  it('are needed', () => {
    for (const change of [{ prompt: ' ' }, { prompt: '', style: ' ' }, {}]) expect(() => words(change)).toThrow(expect.objectContaining({ code: 'PROMPT_EMPTY', field: ['input', 'prompt'] }));
  });
});
