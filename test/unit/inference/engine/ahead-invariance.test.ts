import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepInput } from '../../../../src/inference/core/step-input.ts';
import { findAheadInvariance } from '../../../../src/inference/engine/ahead-invariance.ts';
import type { DecodeOutput, LanguageModel, PositionWindow } from '../../../../src/inference/models/language-model.ts';
import { openTinyInference, type TinyInference } from '../../../support/inference.ts';

let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** The real model with the last bit of one value flipped in runs of so many windows: a kernel that depends on what shares the run. */
function withFlippedBit(model: LanguageModel, windows: number, part: 'logits' | 'hidden', rowsAhead = model.rowsAhead): LanguageModel {
  const ahead = async (input: StepInput, all: readonly PositionWindow[]): Promise<DecodeOutput> => {
    const output = await model.ahead(input, all);
    if (all.length !== windows) return output;
    const flipped = output[part].slice();
    const bits = new Int32Array(flipped.buffer);
    bits[bits.length - 1] = (bits.at(-1) as number) ^ 1;
    return { ...output, [part]: flipped };
  };
  return { config: model.config, rowShape: model.rowShape, runsAhead: true, rowsAhead, ahead } as unknown as LanguageModel;
}

describe('windows of positions that share a run', () => {
  it.each([3, 8, 32])('get the bits that they get alone, with up to %d positions', async (positions) => {
    expect(await findAheadInvariance(tiny.bundle.manifest, tiny.models.language, positions)).toBe(true);
  });

  it.each([
    [2, 'logits'],
    [8, 'logits'],
    [8, 'hidden'],
  ] as const)('do not where one bit differs in runs of %d, in the %s', async (windows, part) => {
    expect(await findAheadInvariance(tiny.bundle.manifest, withFlippedBit(tiny.models.language, windows, part), 16)).toBe(false);
  });

  it('are not looked at where a run has one row', async () => {
    expect(await findAheadInvariance(tiny.bundle.manifest, withFlippedBit(tiny.models.language, 1, 'logits', 1), 16)).toBe(true);
  });
});
