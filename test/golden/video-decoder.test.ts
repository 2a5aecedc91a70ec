import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VideoGrid } from '../../src/inference/tokenizers/video-grid.ts';
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

describe('codes of frames against PyTorch', () => {
  it('are equal', async () => {
    const planar = golden.tensor('encoder.frames');
    const rgb = Uint8Array.from(interleave(planar, 32 * 32));
    const frames = Array.from({ length: rgb.length / 3072 }, (_, i) => ({ width: 32, height: 32, rgb: rgb.slice(i * 3072, (i + 1) * 3072) }));
    const expected = golden.tensor('encoder.codes');
    const grid = new VideoGrid(tiny.bundle.manifest);
    const codes = Array.from({ length: expected.length / 2 }, (_, i) => grid.join(expected[2 * i] as number, expected[2 * i + 1] as number));
    expect([...(await tiny.models.encoder.encode(frames))]).toEqual(codes);
    expect(new Set(codes).size).toBeGreaterThan(codes.length / 2);
  });
});

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
