import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clipBytes, collect, GREEDY, makeRequest, openEngine, openGenerator, openTinyInference, type TinyInference } from '../support/inference.ts';
import { Golden } from '../support/inference-golden.ts';

const golden = new Golden();
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** `[N, 3, H, W]` to interleaved RGB. */
function interleave(planar: ArrayLike<number>, area: number): number[] {
  return Array.from(planar, (_, i) => {
    const [frame, pixel, channel] = [Math.floor(i / (3 * area)), Math.floor((i % (3 * area)) / 3), i % 3];
    return planar[frame * 3 * area + channel * area + pixel] as number;
  });
}

describe('pixels of a whole generation against PyTorch', () => {
  it.each([
    { name: 'greedy.video', prompt: 0, frames: 17 },
    { name: 'greedy.image', prompt: 2, frames: 1 },
  ])('$name differs by at most 1/255', async ({ name, prompt, frames }) => {
    const engine = openEngine(tiny);
    const { task, prompt: text } = golden.prompt(prompt);
    const events = await collect(openGenerator(tiny, engine).generate(makeRequest({ task, prompt: text, sampling: { ...GREEDY, guidance: 1 } }), new AbortController().signal));
    const found = clipBytes(events);
    const expected = interleave(golden.tensor(`${name}.frames`), 32 * 32);
    expect(found.length).toBe(frames * 32 * 32 * 3);
    expect(expected.length).toBe(found.length);
    const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - (found[i] as number))), 0);
    expect(worst).toBeLessThanOrEqual(1);
    await engine.close();
  });
});
