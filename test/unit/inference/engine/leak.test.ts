import { queryObjects } from 'node:v8';
import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sequence } from '../../../../src/inference/core/sequence.ts';
import { makeRequest, openEngine, openGenerator, openTinyInference, type TinyInference } from '../../../support/inference.ts';

/** Counts, not memory: `node bench/leak.ts` measures that over thousands of clips. */
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

const PREFIX_BYTES = 40_000;

describe('after many clips', () => {
  it('of which some were left or refused on the way, the idle engine holds only what it keeps on purpose, and no more than it may', async () => {
    const engine = openEngine(tiny, { maxRows: 4, prefixBytes: PREFIX_BYTES });
    const generator = openGenerator(tiny, engine);
    const make = async (index: number): Promise<void> => {
      const request = makeRequest({ id: String(index), owner: `owner ${index % 3}`, seed: index, prompt: `a fox ${index}`, candidates: 1 + (index % 2), task: index % 4 === 0 ? 'TEXT_TO_VIDEO' : 'TEXT_TO_IMAGE' });
      if (index % 10 === 9) await expect(generator.generate({ ...request, prompt: ' ' }, new AbortController().signal).next()).rejects.toMatchObject({ code: 'PROMPT_EMPTY' });
      else for await (const event of generator.generate(request, new AbortController().signal)) if (index % 5 === 0 && event.type === 'frames') return;
    };
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 40) await make(next++);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    await engine.idle();
    engine.checkIntegrity();
    expect(engine.usage).toMatchObject({ slots: 4, usedSlots: 0, waiting: 0, stagedRows: 0 });
    expect([engine.running, engine.watched]).toEqual([0, 0]);
    const { layers, kvHeads, headDim } = tiny.bundle.manifest.languageModel;
    const smallest = 2 * layers * kvHeads * 5 * headDim * Float32Array.BYTES_PER_ELEMENT;
    expect(engine.usage.prefixRows).toBeGreaterThan(0);
    expect(engine.usage.prefixRows * smallest).toBeLessThanOrEqual(PREFIX_BYTES);
    await engine.close();
  });

  it('every tensor has gone with the engine, and every sequence with its clip', async () => {
    expect(queryObjects(Sequence)).toBe(0);
    expect(queryObjects(Tensor)).toBe(0);
  });
});
