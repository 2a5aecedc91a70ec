import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawFrame } from '../../src/inference/core/generation.ts';
import { ControlVideo, type ControlParameters } from '../../src/inference/control/control-video.ts';
import { openInferenceHost } from '../../src/inference/ipc/inference-host.ts';
import type { Report } from '../../src/inference/ipc/messages.ts';
import type { DepthEstimator } from '../../src/inference/models/depth-estimator.ts';
import { openTinyInference, TINY_BUNDLE, type TinyInference } from '../support/inference.ts';
import { Golden } from '../support/inference-golden.ts';

const SIDE = 80;
const NEVER = new AbortController().signal;
const golden = new Golden();
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

/** The parts of a golden tensor `[F, ...]`. */
const partsOf = (name: string, size: number): Uint8Array[] => {
  const bytes = golden.tensor(name) as Uint8Array;
  return Array.from({ length: bytes.length / size }, (_, index) => bytes.slice(index * size, (index + 1) * size));
};
const frames: readonly RawFrame[] = partsOf('control.frames', 3 * SIDE * SIDE).map((rgb) => ({ width: SIDE, height: SIDE, rgb }));
const exact = { estimate: async () => partsOf('control.depth', SIDE * SIDE) } as unknown as DepthEstimator;
const parameters = (): ControlParameters => tiny.bundle.manifest.control as ControlParameters;
const differences = (found: RawFrame | undefined, expected: Uint8Array | undefined): number[] => [...(expected ?? [])].map((value, i) => Math.abs(value - (found?.rgb[i] as number)));

it('is what training made of the same frames and depth', async () => {
  const made = await new ControlVideo(parameters(), exact).of(frames, NEVER);
  const expected = partsOf('control.video', 3 * SIDE * SIDE);
  expect(made.map(({ width, height }) => [width, height])).toEqual(expected.map(() => [SIDE, SIDE]));
  for (const [index, frame] of made.entries()) {
    const apart = differences(frame, expected[index]);
    expect(apart.reduce((sum, value) => sum + value, 0) / apart.length).toBeLessThan(0.02);
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
  }
  // Depth is one channel, and flow says where the square went: 3 px to the right, where the pattern goes another way.
  const at = (frame: RawFrame | undefined, x: number, y: number): number[] => [...(frame?.rgb.subarray(3 * (y * SIDE + x), 3 * (y * SIDE + x) + 3) ?? [])];
  expect(at(made[2], 41, 40)[0]).toBe(255);
  expect(at(made[2], 41, 40)[1]).toBeGreaterThan(128 + 16 * 2);
  expect(at(made[2], 70, 70)).toEqual([0, expect.closeTo(128 - 16, -1), expect.closeTo(128 + 16, -1)]);
});

it('of a picture stands still', async () => {
  const [made, ...more] = await new ControlVideo(parameters(), exact).of(frames.slice(0, 1), NEVER);
  expect(more).toEqual([]);
  expect([...(made?.rgb ?? [])].filter((value, i) => i % 3 !== 0 && value !== 128)).toEqual([]);
});

it('of frames that cannot be read fails, and the thread is gone', async () => {
  const broken = [{ width: SIDE, height: SIDE, rgb: new Uint8Array(7) }, { width: SIDE, height: SIDE, rgb: new Uint8Array(4 * SIDE * SIDE) }];
  await expect(new ControlVideo(parameters(), exact).of(broken, NEVER)).rejects.toThrow('out of bounds');
});

it('the depth graph gives a byte for each pixel of the model\'s frames', async () => {
  const { width, height } = tiny.bundle.manifest.video;
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 256);
  const maps = await tiny.models.depth?.estimate(Array.from({ length: 18 }, () => ({ width, height, rgb })));
  expect(maps?.map((map) => map.length)).toEqual(Array.from({ length: 18 }, () => width * height));
  expect(new Set(maps?.[0]).size).toBeGreaterThan(1);
  expect(maps?.[17]).toEqual(maps?.[0]);
});

describe('a cancel', () => {
  const [W, H] = [32, 32];
  const many: readonly RawFrame[] = Array.from({ length: 97 }, (_, at) => ({ width: W, height: H, rgb: Uint8Array.from({ length: 3 * W * H }, (_value, i) => (i * 5 + at * 40) % 256) }));

  it('is noticed between two frames of the depth graph', async () => {
    const canceling = new AbortController();
    let read = 0;
    const watched = many.map((frame, at) => ({ ...frame, get rgb() {
      read = Math.max(read, at);
      if (at === 3) canceling.abort();
      return frame.rgb;
    } }));
    await expect(tiny.models.depth?.estimate(watched, canceling.signal)).rejects.toMatchObject({ code: 'CANCELED' });
    expect(read).toBe(3);
  });

  it('ends the thread of the pictures in the middle of its work', async () => {
    const canceling = new AbortController();
    const depth = { estimate: async () => {
      // The thread exists, and has not sent anything yet, when this macrotask comes.
      setImmediate(() => canceling.abort());
      return many.map(() => new Uint8Array(W * H));
    } } as unknown as DepthEstimator;
    await expect(new ControlVideo(parameters(), depth).of(many, canceling.signal)).rejects.toMatchObject({ code: 'CANCELED' });
  });

  it('reaches the host by its ticket', async () => {
    const reports: Report[] = [];
    const host = await openInferenceHost({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, maxRows: 2, maxWaiting: 4, precision: 'auto', positionsPerRun: 1 }, async (report) => void reports.push(report));
    const encoding = host.encodeControl(7, many);
    host.cancel(7);
    await encoding;
    expect(reports.filter((report) => 'ticket' in report)).toEqual([{ type: 'ended', ticket: 7, failure: expect.objectContaining({ code: 'CANCELED' }) }]);
  });
});
