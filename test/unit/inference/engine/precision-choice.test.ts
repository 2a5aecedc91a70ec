import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Precision } from '../../../../src/inference/core/manifest.ts';
import { batchSizes, byTotalTime, choosePrecisions, fastestPerRows } from '../../../../src/inference/engine/precision-choice.ts';
import { KvCache } from '../../../../src/inference/kv-cache/kv-cache.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import { VideoGrid } from '../../../../src/inference/tokenizers/video-grid.ts';
import { openTinyInference, type TinyInference } from '../../../support/inference.ts';

const MAX_ROWS = 4;
const FP32 = { deterministic: 'fp32', free: ['fp32'] } as const;

let tiny: TinyInference;
let folder: string;
beforeAll(async () => {
  tiny = await openTinyInference();
  folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-precisions-'));
});
afterEach(() => tiny.models.language.use(FP32));
afterAll(async () => {
  await tiny.models.close();
  await rm(folder, { recursive: true, force: true });
});

/** Logits of a step of two equal rows, run as if for a deterministic sequence. */
async function stepIn(precision: Precision): Promise<Float32Array> {
  const { languageModel } = tiny.bundle.manifest;
  const { layers, kvHeads, maxLength, headDim } = languageModel;
  const cache = new KvCache<string>({ slots: 2, layers, kvHeads, maxLength, headDim });
  const grid = new VideoGrid(tiny.bundle.manifest);
  const input = new TokenLayout(tiny.bundle.manifest).empty(2);
  for (let row = 0; row < 2; row += 1) grid.write({ codes: new Int32Array(2) }, 0, input, row);
  tiny.models.language.use({ deterministic: precision, free: ['fp32'] });
  return (await tiny.models.language.decode(input, new Int32Array(2), cache.view(0, 2))).logits;
}

describe('the precisions of the decode graph', () => {
  it.each([['int8', 0.05], ['dynamic', 0.05], ['int4', 0.4]] as const)('%s agrees with fp32 within %d of its largest logit, and is not the same graph', async (precision, most) => {
    const [reference, found] = [await stepIn('fp32'), await stepIn(precision)];
    const largest = reference.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const worst = reference.reduce((max, value, i) => Math.max(max, Math.abs(value - (found[i] as number))), 0);
    expect(worst / largest).toBeLessThan(most);
    expect(worst).toBeGreaterThan(0);
  });

  it('follow the plan by rows once no sequence is deterministic', async () => {
    tiny.models.language.use({ deterministic: 'fp32', free: ['fp32', 'unknown' as Precision] });
    const { layers, kvHeads, maxLength, headDim } = tiny.bundle.manifest.languageModel;
    const cache = new KvCache<string>({ slots: 3, layers, kvHeads, maxLength, headDim });
    const step = async (rows: number, deterministic: boolean) => await tiny.models.language.decode(new TokenLayout(tiny.bundle.manifest).empty(rows), new Int32Array(rows), cache.view(0, rows), deterministic);
    await step(1, false);
    await step(3, true);
    await expect(step(2, false)).rejects.toThrow('unknown');
    await expect(step(3, false)).rejects.toThrow('unknown');
  });
});

describe('the choice of precisions', () => {
  it('measures powers of two and the most rows there are', () => {
    expect(batchSizes(8)).toEqual([1, 2, 4, 8]);
    expect(batchSizes(6)).toEqual([1, 2, 4, 6]);
  });

  it('takes the fastest at each size, where it is worth its rounding', () => {
    const times = new Map<Precision, number[]>([
      ['fp32', [1, 2, 4]],
      ['int8', [0.5, 1.99, 3]],
      ['dynamic', [0.6, 2.5, 2]],
    ]);
    expect(fastestPerRows(times, [1, 2, 4])).toEqual(['int8', 'fp32', 'dynamic', 'dynamic']);
    // One row is never a deterministic step: over the others int8 takes 0.87 and dynamic 0.88 of the time of fp32.
    expect(byTotalTime(times)).toEqual(['int8', 'dynamic', 'fp32']);
  });

  it('is kept, and taken as it is at the next start', async () => {
    const kept = { file: path.join(folder, 'new/precisions.json'), holdsFor: 'this machine' };
    const first = await choosePrecisions(tiny.bundle.manifest, tiny.models.language, MAX_ROWS, kept);
    const text = await readFile(kept.file, 'utf8');
    expect(JSON.parse(text)).toEqual({ holdsFor: 'this machine', plan: first.plan });
    const other = { deterministic: 'int8', free: ['dynamic', 'int8'] };
    await writeFile(kept.file, JSON.stringify({ holdsFor: 'this machine', plan: other }));
    expect((await choosePrecisions(tiny.bundle.manifest, tiny.models.language, MAX_ROWS, kept)).plan).toEqual(other);
  });

  it.each([
    ['for another machine', JSON.stringify({ holdsFor: 'another machine', plan: { deterministic: 'int8', free: ['int8'] } })],
    ['damaged', '{"holdsFor": "this mach'],
    ['of an unknown precision', JSON.stringify({ holdsFor: 'this machine', plan: { deterministic: 'int3', free: ['int3'] } })],
  ])('is made anew when the one kept is %s', async (_, content) => {
    const kept = { file: path.join(folder, 'old.json'), holdsFor: 'this machine' };
    await writeFile(kept.file, content);
    const { plan } = await choosePrecisions(tiny.bundle.manifest, tiny.models.language, MAX_ROWS, kept);
    expect(JSON.parse(await readFile(kept.file, 'utf8'))).toEqual({ holdsFor: 'this machine', plan });
  });

  it('is fp32 where it could not be kept', async () => {
    await writeFile(path.join(folder, 'a-file'), '');
    const unkept = [undefined, { file: path.join(folder, 'a-file/precisions.json'), holdsFor: 'this machine' }];
    for (const kept of unkept) expect((await choosePrecisions(tiny.bundle.manifest, tiny.models.language, MAX_ROWS, kept)).plan).toEqual(FP32);
  });
});
