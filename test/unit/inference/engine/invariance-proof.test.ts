import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { proveInvariance, type InvarianceProof } from '../../../../src/inference/engine/invariance-proof.ts';
import type { LanguageModel, PrecisionPlan } from '../../../../src/inference/models/language-model.ts';
import { openTinyInference, type TinyInference } from '../../../support/inference.ts';

const FP32: PrecisionPlan = { deterministic: 'fp32', free: ['fp32'] };
const HOLDS = { batchInvariant: true, headInvariant: true, aheadInvariant: true };

let tiny: TinyInference;
let folder: string;
let runs = 0;
/** The real model, with its runs counted. */
let model: LanguageModel;
beforeAll(async () => {
  tiny = await openTinyInference();
  folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-proof-'));
  const { language } = tiny.models;
  model = Object.create(language, {
    config: { value: language.config },
    runsAhead: { value: language.runsAhead },
    rowsAhead: { value: language.rowsAhead },
    rowShape: { value: language.rowShape },
  }) as LanguageModel;
  for (const name of ['decode', 'ahead', 'head', 'audioHead', 'textHead', 'deviceRows'] as const) {
    const call = language[name].bind(language) as (...inputs: unknown[]) => unknown;
    Object.defineProperty(model, name, { value: (...inputs: unknown[]) => {
      runs += name === 'deviceRows' ? 0 : 1;
      return call(...inputs);
    } });
  }
});
beforeEach(() => {
  runs = 0;
});
afterAll(async () => {
  await tiny.models.close();
  await rm(folder, { recursive: true, force: true });
});

const prove = async (file: string, { holdsFor = 'this machine', plan = FP32, maxRows = 4, positionsPerRun = 8 } = {}): Promise<InvarianceProof & { readonly known: boolean }> =>
  await proveInvariance(tiny.bundle.manifest, model, { plan, invariance: undefined }, { maxRows, positionsPerRun, kept: { file: path.join(folder, file), holdsFor } });

describe('the proof that sequences may share runs', () => {
  it('is made at the first start and not at the second', async () => {
    expect(await prove('twice.json')).toEqual({ ...HOLDS, known: false });
    expect(runs).toBeGreaterThan(10);
    runs = 0;
    expect(await prove('twice.json')).toEqual({ ...HOLDS, known: true });
    expect(runs).toBe(0);
  });

  it.each([
    ['the bundle, the library or the machine', { holdsFor: 'another machine' }],
    ['the precision of deterministic sequences', { plan: { deterministic: 'int8', free: ['fp32'] } satisfies PrecisionPlan }],
    ['the number of rows', { maxRows: 6 }],
    ['the positions of a run', { positionsPerRun: 4 }],
  ])('is made again where it was for another: %s', async (_, change) => {
    await prove('other.json');
    runs = 0;
    expect((await prove('other.json', change)).known).toBe(false);
    expect(runs).toBeGreaterThan(0);
    expect((await prove('other.json', change)).known).toBe(true);
  });

  it.each([
    ['damaged', (text: string) => text.slice(0, text.length / 2)],
    ['without an answer', (text: string) => text.replace('"aheadInvariant": true', '"aheadInvariant": "perhaps"')],
  ])('is made again where the file is %s', async (_, damage) => {
    await prove('damaged.json');
    const file = path.join(folder, 'damaged.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, damage(text));
    runs = 0;
    expect(await prove('damaged.json')).toEqual({ ...HOLDS, known: false });
    expect(runs).toBeGreaterThan(0);
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('is made at every start where nothing is kept', async () => {
    for (let start = 0; start < 2; start += 1) {
      runs = 0;
      expect(await proveInvariance(tiny.bundle.manifest, model, { plan: FP32, invariance: undefined }, { maxRows: 4, positionsPerRun: 8, kept: undefined })).toEqual({ ...HOLDS, known: false });
      expect(runs).toBeGreaterThan(0);
    }
  });

  it('does not look again at what choosing a precision has found, and keeps a refutation as well', async () => {
    const found = { batchInvariant: false, headInvariant: false };
    const kept = { file: path.join(folder, 'found.json'), holdsFor: 'this machine' };
    const options = { maxRows: 4, positionsPerRun: 1, kept };
    expect(await proveInvariance(tiny.bundle.manifest, model, { plan: FP32, invariance: found }, options)).toMatchObject(found);
    expect(await proveInvariance(tiny.bundle.manifest, model, { plan: FP32, invariance: undefined }, options)).toMatchObject({ ...found, known: true });
  });
});
