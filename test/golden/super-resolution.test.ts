import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clipBytes, collect, GREEDY, makeRequest, openEngine, openGenerator, openTinyInference, type TinyInference } from '../support/inference.ts';
import { Golden } from '../support/inference-golden.ts';

const golden = new Golden();
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

const SIDE = 64;

describe('enlarged pixels of a whole generation against PyTorch', () => {
  it.each([
    { name: 'greedy.video', prompt: 0, frames: 17 },
    { name: 'greedy.image', prompt: 2, frames: 1 },
  ])('$name differs by at most 1/255', async ({ name, prompt, frames }) => {
    const engine = openEngine(tiny);
    const { task, prompt: text } = golden.prompt(prompt);
    const request = makeRequest({ task, prompt: text, upscale: true, sampling: { ...GREEDY, guidance: 1 } });
    const found = clipBytes(await collect(openGenerator(tiny, engine).generate(request, new AbortController().signal)));
    const planar = golden.tensor(`${name}.enlarged`);
    expect([found.length, planar.length]).toEqual([frames * 3 * SIDE ** 2, frames * 3 * SIDE ** 2]);
    const worst = found.reduce((most, value, i) => {
      const [frame, pixel, channel] = [Math.floor(i / (3 * SIDE ** 2)), Math.floor((i % (3 * SIDE ** 2)) / 3), i % 3];
      return Math.max(most, Math.abs(value - (planar[(frame * 3 + channel) * SIDE ** 2 + pixel] as number)));
    }, 0);
    expect(worst).toBeLessThanOrEqual(1);
    expect(new Set(found).size, 'a picture, not one colour').toBeGreaterThan(50);
    await engine.close();
  });
});
