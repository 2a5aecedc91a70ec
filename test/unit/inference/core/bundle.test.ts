import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeBundle, openBundle } from '../../../../src/inference/core/bundle.ts';
import { TINY_BUNDLE } from '../../../support/inference.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cinegraph-bundle-'));
  cpSync(TINY_BUNDLE, dir, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Sets one field of the copied manifest by its path, `a.b.0`; undefined removes it. */
function editManifest(field: string, value: unknown): void {
  const path = join(dir, 'manifest.json');
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const steps = field.split('.');
  const last = steps.pop() ?? '';
  const parent = steps.reduce((node, step) => node[step] as Record<string, unknown>, manifest as Record<string, unknown>);
  parent[last] = value;
  writeFileSync(path, JSON.stringify(manifest));
}

async function expectCorrupt(...words: string[]): Promise<void> {
  const error = await openBundle(dir).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'BUNDLE_CORRUPT' });
  for (const word of words) expect((error as Error).message).toContain(word);
}

describe('a bundle', () => {
  it('opens when every file is as the manifest says', async () => {
    const bundle = await openBundle(dir);
    expect(bundle.manifest.name).toBe('tiny-random');
    expect(bundle.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('says which looks it knows by the words that it has met', async () => {
    expect(describeBundle(await openBundle(dir), false).styles).toEqual(['NATURAL', 'FLAT', 'OUTLINE', 'PIXEL', 'SKETCH', 'NIGHT']);
    editManifest('knownWords', ['a', 'fox', 'in', 'flat', 'colors']);
    expect(describeBundle(await openBundle(dir), false).styles).toEqual(['NATURAL', 'FLAT']);
  });

  it('has another digest when the manifest changes', async () => {
    const { digest } = await openBundle(dir);
    editManifest('description', 'another');
    expect((await openBundle(dir)).digest).not.toBe(digest);
  });

  it('is refused when a file is missing', async () => {
    unlinkSync(join(dir, 'lm-weights.bin'));
    await expectCorrupt('lm-weights.bin', 'ENOENT');
  });

  it('is refused when a file is longer than the manifest says', async () => {
    appendFileSync(join(dir, 'lm-head.onnx'), 'x');
    await expectCorrupt('lm-head.onnx', 'bytes');
  });

  it('is refused when a file is shorter', async () => {
    truncateSync(join(dir, 'video-decoder.bin'), 100);
    await expectCorrupt('video-decoder.bin', '100 bytes');
  });

  it('is refused when one byte of a file was altered', async () => {
    const path = join(dir, 'lm-weights.bin');
    const bytes = readFileSync(path);
    bytes[1234] = (bytes[1234] as number) ^ 1;
    writeFileSync(path, bytes);
    await expectCorrupt('lm-weights.bin', 'altered');
  });

  it('is refused without a manifest', async () => {
    unlinkSync(join(dir, 'manifest.json'));
    await expectCorrupt('manifest.json', 'ENOENT');
  });

  it('is refused when the manifest is not JSON', async () => {
    writeFileSync(join(dir, 'manifest.json'), '{');
    await expectCorrupt('manifest.json', 'not valid JSON');
  });

  it('of another format is refused by number', async () => {
    editManifest('formatVersion', 4);
    await expectCorrupt('formatVersion is 4', 'formats 2 and 3');
  });

  it.each([
    ['a missing field', 'languageModel.layers', undefined, 'languageModel.layers'],
    ['an unknown task', 'tasks.2', 'VIDEO_TO_SMELL', 'tasks.2'],
    ['a path out of the folder', 'text.file', '../secrets', 'text.file'],
    ['a graph that files does not list', 'languageModel.head', 'other.onnx', 'files does not list other.onnx'],
    ['sub-codebooks that the output does not cover', 'video.subCodebooks.0', 7, 'subCodebooks[0]'],
    ['a context that points forwards', 'languageModel.rows.contexts.0.offset', [0, 0, 1], 'does not point backwards'],
    ['a cache too short for prefix and clip', 'languageModel.maxLength', 200, 'prefix and output need'],
    ['an output range beyond the vocabulary', 'languageModel.outputRanges.video.start', 2, 'outputRanges.video'],
    ['sound without its head', 'languageModel.audioHead', undefined, 'TEXT_TO_AUDIO needs'],
    ['captions without how they are drawn', 'textSampling', undefined, 'VIDEO_TO_TEXT needs'],
    ['a sound that is over before the next window', 'audio.framesPerClip', 50, 'windows are 50 apart'],
    ['stylization without a control video', 'control', undefined, 'STYLIZE_VIDEO needs control'],
    ['a depth graph that files does not list', 'control.depth.file', 'near.onnx', 'files does not list near.onnx'],
    ['no row for a task', 'languageModel.rows.tasks.TEXT_TO_IMAGE', undefined, 'TEXT_TO_IMAGE'],
  ])('with %s is refused with its name', async (_, field, value, word) => {
    editManifest(field, value);
    await expectCorrupt('manifest.json', word);
  });
});
